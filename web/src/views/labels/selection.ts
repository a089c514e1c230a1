/** Records selected for labelling; the map's lasso fills it too. */
import { signal } from "@preact/signals";

export const selection = signal<ReadonlySet<string>>(new Set());

/** Where a range begins: the record that was selected last. */
let anchor: string | null = null;

/** Select a record, or no longer. */
export function toggle(id: string): void {
  const next = new Set(selection.peek());
  if (!next.delete(id)) next.add(id);
  anchor = id;
  selection.value = next;
}

/** Select what lies between the record that was selected last and this one, as they are shown. */
export function selectTo(id: string, shown: readonly string[]): void {
  const [from, to] = [anchor ?? id, id].map((one) => shown.indexOf(one)) as [number, number];
  if (from < 0 || to < 0) return toggle(id);
  select(shown.slice(Math.min(from, to), Math.max(from, to) + 1));
  anchor = id;
}

/** Select these, too. */
export function select(ids: readonly string[]): void {
  selection.value = new Set([...selection.peek(), ...ids]);
}

export function selectNone(): void {
  anchor = null;
  selection.value = new Set();
}

export interface Frame {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export const frameOf = (x: number, y: number, toX: number, toY: number): Frame => ({
  left: Math.min(x, toX),
  top: Math.min(y, toY),
  right: Math.max(x, toX),
  bottom: Math.max(y, toY),
});

export const meets = (one: Frame, other: Frame): boolean =>
  one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
