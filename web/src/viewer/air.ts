/** Where a picture shows the air around the body: what is dark and goes on to the picture's edge. Pure. */

type Sampled = readonly [columns: number, rows: number];

/** isDark: of each sample, row by row. Lungs are dark too, and the body lies around them. */
export function airOf([columns, rows]: Sampled, isDark: (column: number, row: number) => boolean): Uint8Array {
  const air = new Uint8Array(columns * rows);
  const waiting: number[] = [];
  const reach = (column: number, row: number): void => {
    const at = row * columns + column;
    if (column < 0 || row < 0 || column >= columns || row >= rows || air[at] || !isDark(column, row)) return;
    air[at] = 1;
    waiting.push(at);
  };
  for (let column = 0; column < columns; column += 1) reach(column, 0), reach(column, rows - 1);
  for (let row = 0; row < rows; row += 1) reach(0, row), reach(columns - 1, row);
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const [column, row] = [at % columns, Math.floor(at / columns)];
    reach(column - 1, row), reach(column + 1, row), reach(column, row - 1), reach(column, row + 1);
  }
  return air;
}
