/** One side of the comparison, whatever draws it: Cornerstone3D, NiiVue, or a plain canvas. */

/** (center, width) in the picture's own units: Hounsfield for CT. */
export type Window = readonly [center: number, width: number];

export interface View {
  zoom: number;
  /** In shares of the pane's size. */
  pan: readonly [x: number, y: number];
}

/** Of a whole picture in its pane, in CSS pixels from the pane's upper left corner; what lies outside is cut off. */
export interface Place {
  left: number;
  top: number;
  width: number;
  height: number;
}

export interface Pane {
  readonly drawnBy: "Cornerstone3D" | "NiiVue" | "picture";
  /** What is known of this view that a reader should know, or "". */
  readonly note: string;
  readonly slices: number;
  /** Grey values, so that (center, width) mean something; colour pictures have no presets. */
  readonly hounsfield: boolean;
  slice: () => number;
  setSlice: (slice: number) => Promise<void>;
  window: () => Window;
  setWindow: (window: Window) => void;
  setView: (view: View) => void;
  /** Where the picture is drawn now; null while it is not known. */
  place: () => Place | null;
  /** Fits the picture to the pane's new size. The view stays as it was set. */
  resize: () => void;
  dispose: () => void;
}

/** A picture fitted into a room of any unit, at this view. */
export function fitted(picture: Size, room: Size, { zoom, pan }: View): Place {
  const fit = Math.min(room.width / (picture.width || 1), room.height / (picture.height || 1)) * zoom;
  const [width, height] = [picture.width * fit, picture.height * fit];
  return {
    left: (room.width - width) / 2 + pan[0] * room.width,
    top: (room.height - height) / 2 + pan[1] * room.height,
    width,
    height,
  };
}

type Size = Pick<Place, "width" | "height">;

/** DICOM PS3.3 C.11.2.1.2: usual windows of CT. */
export const CT_PRESETS: ReadonlyArray<readonly [name: string, window: Window]> = [
  ["Lung", [-600, 1500]],
  ["Soft tissue", [40, 400]],
  ["Bone", [480, 2500]],
  ["Brain", [40, 80]],
];

/** A drag of the whole pane's width doubles or quarters the contrast about so much as reading stations do. */
export function dragged([center, width]: Window, right: number, down: number): Window {
  return [center + down * width, Math.max(width * Math.exp(-right * 2), 1e-3)];
}
