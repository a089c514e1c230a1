/** What a DICOM header says of where a picture lies and how it was taken. Pure. */
import { messages } from "../messages";
import { directionOf, type Vector } from "./orientation";
import type { Grid } from "./pane";

export interface Header {
  plane: {
    rows?: number;
    columns?: number;
    pixelSpacing?: readonly number[];
    rowCosines?: readonly number[] | null;
    columnCosines?: readonly number[] | null;
    imagePositionPatient?: readonly number[];
  };
  /** The words of a tag as dicom-parser names it; "" where there are none. */
  text: (tag: string) => string;
}

/** Of one slice. ends: the headers of the first and the last one, of so many. */
export function gridOf(header: Header, ends: readonly [Header, Header], slices: number): Grid {
  const { plane, text } = header;
  const own = pairOf(plane.pixelSpacing);
  const detector = pairOf(text("x00181164").split("\\").map(Number));
  const [row, column] = text("x00200020").split("\\");
  const right = vectorOf(plane.rowCosines) ?? directionOf(row ?? "");
  const down = vectorOf(plane.columnCosines) ?? directionOf(column ?? "");
  const [first, last] = ends.map((end) => vectorOf(end.plane.imagePositionPatient));
  const way = first && last && slices > 1 ? ([0, 1, 2].map((axis) => last[axis]! - first[axis]!) as unknown as Vector) : null;
  const length = way ? Math.hypot(...way) : 0;
  const axis = right && down ? nearest(normalOf(right, down)) : 0;
  const spacing = own ?? detector;
  return {
    columns: plane.columns ?? 0,
    rows: plane.rows ?? 0,
    spacing: spacing && [spacing[1], spacing[0]], // DICOM PS3.3 10.7.1.3: between rows, then between columns
    atDetector: !!detector && (!own || (own[0] === detector[0] && own[1] === detector[1])),
    between: length ? length / (slices - 1) : null,
    right,
    down,
    through: way && length ? (way.map((part) => part / length) as unknown as Vector) : null,
    position: vectorOf(plane.imagePositionPatient)?.[axis] ?? null,
  };
}

/** Nothing of who was taken, nor of when and where. */
export function takenOf({ text }: Header): string[] {
  const named = (tag: string, unit: string): string => (text(tag) ? `${trimmed(text(tag))} ${unit}` : "");
  const [sequence, echo] = [named("x00180080", "ms"), named("x00180081", "ms")];
  return [
    ["x00080060", "x00180015", "x00185101"].map(text).filter(Boolean).join(" · "),
    messages.value.compare.side[text("x00200062") || text("x00200060")] ?? "",
    named("x00180060", "kVp"),
    sequence && `TR ${sequence}`,
    echo && `TE ${echo}`,
    text("x00180050") && messages.value.compare.thick(trimmed(text("x00180050"))),
  ].filter(Boolean);
}

const trimmed = (number: string): string => String(Number(Number(number).toPrecision(4)) || number);

const pairOf = (values: readonly number[] | undefined): readonly [number, number] | null =>
  values && values.length >= 2 && values[0]! > 0 && values[1]! > 0 ? [Number(values[0]), Number(values[1])] : null;

const vectorOf = (values: readonly number[] | null | undefined): Vector | null =>
  values && values.length >= 3 && values.every(Number.isFinite) ? [values[0]!, values[1]!, values[2]!] : null;

const normalOf = ([a, b, c]: Vector, [x, y, z]: Vector): Vector => [b * z - c * y, c * x - a * z, a * y - b * x];

const nearest = (direction: Vector): number =>
  [0, 1, 2].reduce((best, axis) => (Math.abs(direction[axis]!) > Math.abs(direction[best]!) ? axis : best), 0);
