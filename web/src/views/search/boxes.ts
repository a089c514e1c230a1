/** Boxes in shares of the picture: drawn between two points, moved and sized by keys. */
import type { Box } from "../../types";

const STEP = 0.02;
const LEAST = 0.04;

const inside = (value: number, low = 0, high = 1): number => Math.max(low, Math.min(high, value));

export function between([ax, ay]: readonly [number, number], [bx, by]: readonly [number, number]): Box {
  const [x0, x1] = [inside(Math.min(ax, bx)), inside(Math.max(ax, bx))];
  const [y0, y1] = [inside(Math.min(ay, by)), inside(Math.max(ay, by))];
  return [x0, y0, x1, y1];
}

const ARROWS: Record<string, readonly [number, number]> = {
  ArrowLeft: [-STEP, 0],
  ArrowRight: [STEP, 0],
  ArrowUp: [0, -STEP],
  ArrowDown: [0, STEP],
};

/** An arrow moves the box whole; with shift it moves the lower right corner. null for any other key. */
export function nudged(box: Box | null, key: string, sizes: boolean): Box | null {
  const arrow = ARROWS[key];
  if (!arrow || !box) return null;
  const [x0, y0, x1, y1] = box;
  if (sizes) return [x0, y0, inside(x1 + arrow[0], x0 + LEAST), inside(y1 + arrow[1], y0 + LEAST)];
  const right = inside(arrow[0], -x0, 1 - x1);
  const down = inside(arrow[1], -y0, 1 - y1);
  return [x0 + right, y0 + down, x1 + right, y1 + down];
}
