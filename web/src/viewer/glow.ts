/** Heat as the opacity of a colour over a picture: none below a threshold, none where the picture shows air. Pure. */

export interface Glowing {
  /** Heat from which it is shown, 0 to 1. */
  threshold: number;
  /** Opacity of the highest heat, 0 to 1. */
  strength: number;
}
export const USUAL: Glowing = { threshold: 0.2, strength: 0.78 };

type Heat = readonly (readonly number[])[];

/** Bilinear between the cells' centres; x, y: shares of the picture. */
export function heatAt(heat: Heat, x: number, y: number): number {
  const [rows, columns] = [heat.length, heat[0]?.length ?? 0];
  const inside = (value: number, most: number): number => Math.max(0, Math.min(most, value));
  const [column, row] = [inside(x * columns - 0.5, columns - 1), inside(y * rows - 0.5, rows - 1)];
  const [left, top] = [Math.floor(column), Math.floor(row)];
  const [across, down] = [column - left, row - top];
  const at = (r: number, c: number): number => heat[Math.min(r, rows - 1)]?.[Math.min(c, columns - 1)] ?? 0;
  const upper = at(top, left) * (1 - across) + at(top, left + 1) * across;
  return upper * (1 - down) + (at(top + 1, left) * (1 - across) + at(top + 1, left + 1) * across) * down;
}

/** The opacities (0 to 255) of a picture of so many columns and rows. The third power keeps to what matches most. */
export function opacities(
  heat: Heat,
  [columns, rows]: readonly [number, number],
  { threshold, strength }: Glowing,
  air: Uint8Array,
): Uint8ClampedArray {
  const found = new Uint8ClampedArray(columns * rows);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const [at, value] = [row * columns + column, heatAt(heat, (column + 0.5) / columns, (row + 0.5) / rows)];
      if (value >= threshold && !air[at]) found[at] = Math.min(1, value) ** 3 * strength * 255;
    }
  }
  return found;
}
