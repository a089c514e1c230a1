/** One side of the comparison, whatever draws it: Cornerstone3D, NiiVue, or a plain canvas. */
import type { Vector } from "./orientation";

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

/** The pixels of a slice, before it is turned on the screen. */
export interface Grid {
  columns: number;
  rows: number;
  /** Millimetres from column to column and from row to row; null where the file does not say. */
  spacing: readonly [across: number, down: number] | null;
  /** The spacing holds at the detector: in the patient, who is nearer to the tube, things are smaller. */
  atDetector: boolean;
  /** Millimetres from slice to slice. */
  between: number | null;
  /** In the patient: along columns, along rows, and from slice to slice. */
  right: Vector | null;
  down: Vector | null;
  through: Vector | null;
  /** Where this slice lies along the patient's axis that it is nearest to, in millimetres. */
  position: number | null;
}

/** What is known of the pixels of a picture that says nothing of where it lies. */
export const PIXELS_ALONE = {
  spacing: null,
  atDetector: false,
  between: null,
  right: null,
  down: null,
  through: null,
  position: null,
} satisfies Omit<Grid, "columns" | "rows">;

export interface Pane {
  readonly drawnBy: "Cornerstone3D" | "NiiVue" | "picture";
  /** What is known of this view that a reader should know, or "". */
  readonly note: string;
  /** Of how it was taken, a line each; never who was. */
  readonly taken: readonly string[];
  readonly slices: number;
  /** The values are Hounsfield units, so that the windows of CT mean something. */
  readonly hounsfield: boolean;
  /** Low values are bright (MONOCHROME1). */
  readonly reversed: boolean;
  grid: () => Grid;
  /** The value of a pixel in the file's own units, of 0 to 255 in the server's picture; null where there is none, of
   * colours, and of slices that are not loaded. */
  valueAt: (column: number, row: number, slice?: number) => number | null;
  /** Loads every slice, so that each has values. Raises where they are too many. */
  loadWhole: () => Promise<void>;
  slice: () => number;
  setSlice: (slice: number) => Promise<void>;
  window: () => Window;
  setWindow: (window: Window) => void;
  /** Dark for bright, against how it was opened. */
  setInverted: (inverted: boolean) => void;
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

/** The same window, as far as it is told. */
export const sameWindow = (one: Window, other: Window): boolean =>
  Math.abs(one[0] - other[0]) < 0.5 && Math.abs(one[1] - other[1]) < 0.5;

/** A drag of the whole pane's width doubles or quarters the contrast about so much as reading stations do. */
export function dragged([center, width]: Window, right: number, down: number): Window {
  return [center + down * width, Math.max(width * Math.exp(-right * 2), 1e-3)];
}
