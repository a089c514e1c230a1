/** What two panes share: window, zoom and slices move together while they are linked. Pure. */
import type { View, Window } from "../../viewer/pane";

/**
 * The other pane's slice for a slice of this one: as many millimetres from the matching pair, as many slices where one
 * of them does not say how far its slices lie apart; without a matching pair by share of depth.
 */
export function partner(slice: number, from: Side, to: Side): number {
  const step = from.between && to.between ? from.between / to.between : 1;
  const at =
    from.matching === null || to.matching === null
      ? Math.round((slice / Math.max(1, from.slices - 1)) * Math.max(0, to.slices - 1))
      : Math.round(to.matching + (slice - from.matching) * step);
  return Math.max(0, Math.min(to.slices - 1, at));
}

interface Side {
  slices: number;
  matching: number | null;
  /** Millimetres from slice to slice, where they are known. */
  between?: number | null;
}

interface Windowed {
  window: Window;
  hounsfield: boolean;
}

/** The other pane's window: the same one in Hounsfield units, else changed alike. */
export const followed = (own: Windowed, next: Window, other: Windowed): Window =>
  own.hounsfield && other.hounsfield ? next : alike(own.window, next, other.window);

/** The same change of the window on another picture, whose grey values may have another scale. */
export function alike(before: Window, after: Window, other: Window): Window {
  const scale = other[1] / (before[1] || 1);
  return [other[0] + (after[0] - before[0]) * scale, Math.max(after[1] * scale, 1e-3)];
}

export const WHOLE: View = { zoom: 1, pan: [0, 0] };

export function zoomed({ zoom, pan }: View, by: number): View {
  const next = Math.max(0.25, Math.min(20, zoom * by));
  return { zoom: next, pan: [pan[0] * (next / zoom), pan[1] * (next / zoom)] };
}

export function moved({ zoom, pan }: View, right: number, down: number): View {
  return { zoom, pan: [pan[0] + right, pan[1] + down] };
}
