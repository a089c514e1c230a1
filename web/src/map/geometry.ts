/** Between the plot's pixels and the map's units; and what lies inside a lasso. Pure. */
import type { Camera } from "./scatter";

export type Point = readonly [x: number, y: number];

interface Size {
  width: number;
  height: number;
}

/** The camera that shows every point with a margin. top: pixels at the upper edge that something else covers. */
export function fitted(x: ArrayLike<number>, y: ArrayLike<number>, { width, height }: Size, top = 0): Camera {
  let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let at = 0; at < x.length; at++) {
    const [px, py] = [x[at]!, y[at]!];
    if (px < left) left = px;
    if (px > right) right = px;
    if (py < low) low = py;
    if (py > high) high = py;
  }
  if (x.length === 0) return { x: 0, y: 0, half: 1 };
  const free = Math.max(height - top, 1);
  const half = Math.max((high - low) / 2, (right - left) / 2 / (width / free || 1), 1e-6) * 1.12;
  return { x: (left + right) / 2, y: (low + high) / 2 + (top * half) / free, half: (half * Math.max(height, 1)) / free };
}

export function toScreen([x, y]: Point, camera: Camera, { width, height }: Size): Point {
  const unit = height / (2 * camera.half);
  return [width / 2 + (x - camera.x) * unit, height / 2 - (y - camera.y) * unit];
}

export function toMap([x, y]: Point, camera: Camera, { width, height }: Size): Point {
  const unit = (2 * camera.half) / height;
  return [camera.x + (x - width / 2) * unit, camera.y - (y - height / 2) * unit];
}

/** Even-odd rule (Shimrat 1962, algorithm 112): whether a point lies inside a closed polygon. */
export function inside([x, y]: Point, polygon: readonly Point[]): boolean {
  let within = false;
  for (let at = 0, before = polygon.length - 1; at < polygon.length; before = at++) {
    const [ax, ay] = polygon[at]!;
    const [bx, by] = polygon[before]!;
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) within = !within;
  }
  return within;
}

/** The mean of some points: where a query falls that has no place of its own. */
export function centroid(x: ArrayLike<number>, y: ArrayLike<number>, rows: readonly number[]): Point | null {
  if (rows.length === 0) return null;
  const sum = rows.reduce<Point>(([a, b], at) => [a + x[at]!, b + y[at]!], [0, 0]);
  return [sum[0] / rows.length, sum[1] / rows.length];
}
