/** The two other planes of a volume: what lies where in them, and their values. Pure. */
import { letterOf, type Point, type Vector } from "./orientation";
import type { Grid, Window } from "./pane";

/** Of a pane's volume: along its columns, its rows and its slices. */
export type Axis = 0 | 1 | 2;
export type Voxel = readonly [column: number, row: number, slice: number];

/** One axis of a plane on the screen, counted from its end where it runs the other way. */
interface Side {
  axis: Axis;
  size: number;
  reversed: boolean;
  mm: number;
  /** In the patient, as shown; null where the file does not say. */
  towards: Vector | null;
}

export interface Plane {
  /** The axis that it stands on: a plane goes through one place of it. */
  on: Axis;
  across: Side;
  down: Side;
}

const [LEFT, BACK, HEAD] = [0, 1, 2];

/** The planes on the columns' and on the rows' axis, as they are usually shown: left, back and feet to the right and down. */
export function planesOf(grid: Grid, slices: number): readonly [Plane, Plane] {
  const of = (axis: Axis): Side => ({
    axis,
    size: [grid.columns, grid.rows, slices][axis]!,
    reversed: false,
    mm: (axis === 2 ? grid.between : grid.spacing?.[axis]) ?? 1,
    towards: [grid.right, grid.down, grid.through][axis] ?? null,
  });
  return [laid(0, of(1), of(2)), laid(1, of(0), of(2))];
}

function laid(on: Axis, inPlane: Side, through: Side): Plane {
  const [one, other] = [main(inPlane.towards), main(through.towards)];
  if (one === null || other === null) return { on, across: inPlane, down: through };
  // The axis of head and feet stands upright; in a plane without it the one of front and back does.
  const throughIsDown = other === HEAD || (one !== HEAD && other === BACK);
  return throughIsDown
    ? { on, across: turned(inPlane, false), down: turned(through, true) }
    : { on, across: turned(through, false), down: turned(inPlane, true) };
}

/** To the left or the back; upright: to the back or the feet. */
function turned(side: Side, upright: boolean): Side {
  const axis = main(side.towards)!;
  const forward = side.towards![axis]! > 0;
  const wanted = upright && axis === HEAD ? !forward : forward;
  return wanted ? side : { ...side, reversed: true, towards: side.towards!.map((part) => -part) as unknown as Vector };
}

function main(direction: Vector | null): number | null {
  if (!direction) return null;
  return [LEFT, BACK, HEAD].reduce((best, axis) => (Math.abs(direction[axis]!) > Math.abs(direction[best]!) ? axis : best), 0);
}

const along = ({ size, reversed }: Side, at: number): number => (reversed ? size - 1 - at : at);

/** The voxel that a place of a plane shows; at: where the plane stands. */
export function voxelAt(plane: Plane, at: number, [x, y]: Point): Voxel {
  const found: [number, number, number] = [0, 0, 0];
  found[plane.on] = at;
  found[plane.across.axis] = along(plane.across, x);
  found[plane.down.axis] = along(plane.down, y);
  return found;
}

/** Where a plane shows a voxel. */
export const placeOf = ({ across, down }: Plane, voxel: Voxel): Point => [
  along(across, voxel[across.axis]),
  along(down, voxel[down.axis]),
];

/** The greys (0 to 255) of a plane that stands at a place, row by row; 0 where there is no value. */
export function greysOf(
  plane: Plane,
  at: number,
  valueAt: (column: number, row: number, slice: number) => number | null,
  { window: [center, width], dark }: { window: Window; dark: boolean },
): Uint8ClampedArray {
  const [columns, rows] = [plane.across.size, plane.down.size];
  const greys = new Uint8ClampedArray(columns * rows);
  for (let y = 0; y < rows; y += 1) {
    for (let x = 0; x < columns; x += 1) {
      const value = valueAt(...voxelAt(plane, at, [x, y]));
      if (value === null) continue;
      const shown = ((value - center) / width + 0.5) * 255;
      greys[y * columns + x] = dark ? 255 - shown : shown;
    }
  }
  return greys;
}

/** axial, coronal or sagittal; "" where the file does not say. */
export function nameOf({ across, down }: Plane): string {
  const letters = [across.towards, down.towards].map((way) => (way ? letterOf(way)[0]! : "")).join("");
  const has = (ends: string): boolean => [...letters].some((letter) => ends.includes(letter));
  if (letters.length < 2) return "";
  return !has("HF") ? "axial" : !has("AP") ? "coronal" : "sagittal";
}
