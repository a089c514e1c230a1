/** Lengths and angles on a picture, in millimetres where its pixels have a size. Pure. */
import { fixed, messages } from "../messages";
import type { Grid } from "./pane";
import type { Point } from "./orientation";

export type Kind = "length" | "angle";
export const NEEDED: Record<Kind, number> = { length: 2, angle: 3 };

/** points: in pixels of the picture, whose upper left corner is 0, 0. Of an angle the second is its vertex. */
export interface Mark {
  kind: Kind;
  slice: number;
  points: readonly Point[];
}

type Spacing = Grid["spacing"];

const between = ([ax, ay]: Point, [bx, by]: Point, spacing: Spacing): Point => {
  const [across, down] = spacing ?? [1, 1];
  return [(bx - ax) * across, (by - ay) * down];
};

/** In millimetres; in pixels without a spacing. */
export const lengthOf = (a: Point, b: Point, spacing: Spacing): number => Math.hypot(...between(a, b, spacing));

/** In degrees, 0 to 180; pixels without a spacing are taken for squares. */
export function angleOf(a: Point, vertex: Point, b: Point, spacing: Spacing): number {
  const [one, other] = [between(vertex, a, spacing), between(vertex, b, spacing)];
  const across = one[0] * other[1] - one[1] * other[0];
  return (Math.abs(Math.atan2(across, one[0] * other[0] + one[1] * other[1])) * 180) / Math.PI;
}

/** "" while points are missing. */
export function wordsOf({ kind, points }: Mark, { spacing, atDetector }: Grid): string {
  const [a, b, c] = points;
  if (!a || !b || points.length < NEEDED[kind]) return "";
  if (kind === "angle") return `${fixed(angleOf(a, b, c!, spacing), 1)}°`;
  const length = lengthOf(a, b, spacing);
  if (!spacing) return `${length.toFixed(0)} px`;
  return `${fixed(length, length < 10 ? 2 : 1)} mm${atDetector ? messages.value.compare.atDetector : ""}`;
}
