/** Points sorted into squares, so that what lies at a place or in a lasso is found without a look at every point. Pure. */
import { inside, type Point } from "./geometry";

const MOST = 512; // squares a side
const OF_SQUARE = 4; // points, if they lay evenly

export interface Grid {
  x: Float32Array;
  y: Float32Array;
  /** Squares a side; the unit square holds all points. */
  side: number;
  /** Where the rows of each square begin; one more than there are squares. */
  starts: Uint32Array;
  rows: Uint32Array;
}

const clamped = (value: number, most: number): number => Math.max(0, Math.min(most, value));

export function gridOf(x: Float32Array, y: Float32Array): Grid {
  const side = clamped(Math.ceil(Math.sqrt(x.length / OF_SQUARE)), MOST) || 1;
  const squareOf = (at: number): number =>
    clamped(Math.floor(y[at]! * side), side - 1) * side + clamped(Math.floor(x[at]! * side), side - 1);
  const starts = new Uint32Array(side * side + 1);
  for (let at = 0; at < x.length; at++) starts[squareOf(at) + 1]!++;
  for (let square = 0; square < side * side; square++) starts[square + 1]! += starts[square]!;
  const [next, rows] = [starts.slice(0, -1), new Uint32Array(x.length)];
  for (let at = 0; at < x.length; at++) rows[next[squareOf(at)]!++] = at;
  return { x, y, side, starts, rows };
}

/** The point nearest to a place, within a distance; -1 if none is. Squares are looked at in rings about the place. */
export function nearest({ x, y, side, starts, rows }: Grid, [px, py]: Point, within: number): number {
  const [cx, cy] = [Math.floor(px * side), Math.floor(py * side)];
  let [best, least] = [-1, within * within];
  const look = (column: number, row: number): void => {
    if (column < 0 || row < 0 || column >= side || row >= side) return;
    const square = row * side + column;
    for (let at = starts[square]!; at < starts[square + 1]!; at++) {
      const point = rows[at]!;
      const distance = (x[point]! - px) ** 2 + (y[point]! - py) ** 2;
      if (distance < least || (distance === least && best >= 0 && point < best)) [best, least] = [point, distance];
    }
  };
  for (let ring = 0; ; ring++) {
    // Whatever lies in this ring or beyond is at least so far away.
    const away = Math.max(0, ring - 1) / side;
    if (away * away > least || ring > 2 * side + Math.abs(cx) + Math.abs(cy)) return best;
    for (let step = -ring; step <= ring; step++) {
      look(cx + step, cy - ring);
      if (ring > 0) look(cx + step, cy + ring);
      if (Math.abs(step) < ring) (look(cx - ring, cy + step), look(cx + ring, cy + step));
    }
  }
}

/** Which points lie inside a closed polygon, ascending. Only those of squares that its edges cross are tried one by one. */
export function caught(grid: Grid, polygon: readonly Point[]): Int32Array {
  const { x, y, side, starts, rows } = grid;
  const crossed = crossedBy(polygon, side);
  const found: number[] = [];
  const [left, right] = spanOf(polygon.map(([px]) => px), side);
  const [low, high] = spanOf(polygon.map(([, py]) => py), side);
  for (let row = low; row <= high; row++)
    for (let column = left; column <= right; column++) {
      const square = row * side + column;
      const [from, to] = [starts[square]!, starts[square + 1]!];
      if (from === to) continue;
      if (crossed[square])
        for (let at = from; at < to; at++) {
          const point = rows[at]!;
          if (inside([x[point]!, y[point]!], polygon)) found.push(point);
        }
      else if (inside([(column + 0.5) / side, (row + 0.5) / side], polygon))
        for (let at = from; at < to; at++) found.push(rows[at]!);
    }
  return Int32Array.from(found).sort();
}

/** The squares, along one axis, that hold some values and those between. */
function spanOf(values: readonly number[], side: number): [number, number] {
  return [
    clamped(Math.floor(Math.min(...values) * side), side - 1),
    clamped(Math.floor(Math.max(...values) * side), side - 1),
  ];
}

/** The squares that an edge may cross: all of its box, in pieces so short that boxes are small. Those at the rim hold
 * points that lie on it, and are always tried. */
function crossedBy(polygon: readonly Point[], side: number): Uint8Array {
  const crossed = new Uint8Array(side * side);
  polygon.forEach(([bx, by], at) => {
    const [ax, ay] = polygon[(at || polygon.length) - 1]!;
    const pieces = Math.max(1, Math.min(4 * side, Math.ceil(Math.max(Math.abs(bx - ax), Math.abs(by - ay)) * side)));
    for (let piece = 0; piece < pieces; piece++) {
      const [from, to] = [piece / pieces, (piece + 1) / pieces];
      const [left, right] = spanOf([ax + (bx - ax) * from, ax + (bx - ax) * to], side);
      const [low, high] = spanOf([ay + (by - ay) * from, ay + (by - ay) * to], side);
      for (let row = low; row <= high; row++) crossed.fill(1, row * side + left, row * side + right + 1);
    }
  });
  return crossed;
}
