import { describe, expect, it } from "vitest";
import { column, coloured, faded, groupColumn, NOTHING_SAID } from "../src/map/colours";
import { centroid, fitted, inside, toMap, toScreen, type Point } from "../src/map/geometry";
import { caught, gridOf, nearest } from "../src/map/grid";
import { idOf, rowOf, rowsOfGroup, unpacked } from "../src/map/points";
import { leap } from "../src/map/scatter";

const WORDS = { none: "none", others: (count: number): string => `${count} others, or none` };

/** Numbers in [0, 1), the same in each run (mulberry32). */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Points of a few dense places and some between, on the rim, and on each other. */
function scattered(count: number, seed: number): [Float32Array, Float32Array] {
  const draw = chance(seed);
  const clumps = Array.from({ length: 5 }, () => [draw(), draw()] as const);
  const at = (axis: 0 | 1) => (row: number): number => {
    if (row % 50 === 0) return Math.round(draw());
    const near = clumps[row % 7]?.[axis];
    return near === undefined ? draw() : Math.max(0, Math.min(1, near + (draw() - 0.5) * 0.1));
  };
  const rows = Array.from({ length: count }, (_, row) => row);
  return [Float32Array.from(rows, at(0)), Float32Array.from(rows, at(1))];
}

const size = { width: 400, height: 200 };
const bytesOf = (shade: number): number[] => [shade & 255, (shade >> 8) & 255, (shade >> 16) & 255];

describe("the map", () => {
  it.each([0, 60])("shows every point below the upper %i pixels, and goes back from the screen", (top) => {
    const [x, y] = [
      [-3, 9, 4],
      [2, -8, 30],
    ];
    const camera = fitted(x, y, size, top);
    x.forEach((value, at) => {
      const [px, py] = toScreen([value, y[at]!], camera, size);
      expect(px).toBeGreaterThan(0);
      expect(px).toBeLessThan(400);
      expect(py).toBeGreaterThan(top);
      expect(py).toBeLessThan(200);
      const [mx, my] = toMap([px, py], camera, size);
      expect(mx).toBeCloseTo(value);
      expect(my).toBeCloseTo(y[at]!);
    });
  });

  it("catches what a concave lasso holds", () => {
    const horseshoe = [
      [0, 0],
      [6, 0],
      [6, 6],
      [4, 6],
      [4, 2],
      [2, 2],
      [2, 6],
      [0, 6],
    ] as const;
    expect(inside([1, 5], horseshoe)).toBe(true);
    expect(inside([3, 5], horseshoe)).toBe(false);
  });

  it("finds the nearest point as a look at each would, wherever the place lies", () => {
    for (const count of [0, 1, 2, 40, 3000]) {
      const [x, y] = scattered(count, count);
      const [grid, draw] = [gridOf(x, y), chance(count + 1)];
      for (let round = 0; round < 300; round++) {
        const place: Point = [draw() * 1.6 - 0.3, draw() * 1.6 - 0.3];
        const within = draw() < 0.2 ? 9 : draw() ** 4;
        let [best, least] = [-1, within * within];
        for (let row = 0; row < count; row++) {
          const distance = (x[row]! - place[0]) ** 2 + (y[row]! - place[1]) ** 2;
          if (distance < least) [best, least] = [row, distance];
        }
        expect(nearest(grid, place, within)).toBe(best);
      }
    }
  });

  it("catches what a try of each point would, in any lasso", () => {
    const [x, y] = scattered(3000, 7);
    const [grid, draw] = [gridOf(x, y), chance(8)];
    let most = 0;
    for (let round = 0; round < 100; round++) {
      const [cx, cy, reach] = [draw(), draw(), draw() * 0.8];
      const corners = 3 + Math.floor(draw() * 30);
      const polygon = Array.from({ length: corners }, (): Point => {
        const [angle, far] = [draw() * 2 * Math.PI, reach * draw()]; // crosses itself more often than not
        return [cx + far * Math.cos(angle), cy + far * Math.sin(angle)];
      });
      const wanted = [...x.keys()].filter((row) => inside([x[row]!, y[row]!], polygon));
      expect([...caught(grid, polygon)]).toEqual(wanted);
      most = Math.max(most, wanted.length);
    }
    expect(most).toBeGreaterThan(300);
    const around: Point[] = [
      [-1, -1],
      [2, -1],
      [2, 2],
      [-1, 2],
    ];
    expect(caught(grid, around)).toHaveLength(3000);
  });

  it("finds the middle of some points", () => {
    expect(centroid([0, 4], [0, 2], [0, 1])).toEqual([2, 1]);
    expect(centroid([], [], [])).toBeNull();
  });

  it("reads points as they are packed", () => {
    const bytes = new Uint8Array(2 * 13);
    new Uint16Array(bytes.buffer, 0, 4).set([0, 65_535, 13_107, 65_535]);
    bytes.set([0xab, 0, 1, 2, 3, 4, 5, 6, 0xff, 9, 8, 7, 6, 5, 4, 0x0f], 8);
    bytes.set([3, 255], 24);
    const points = unpacked(bytes.buffer);
    expect(points.count).toBe(2);
    expect([...points.x]).toEqual([0, 1]);
    expect(points.y[0]).toBeCloseTo(0.2);
    expect([idOf(points, 0), idOf(points, 1)]).toEqual(["ab00010203040506", "ff0908070605040f"]);
    expect([rowOf(points, "ff0908070605040f"), rowOf(points, "ff0908070605040e")]).toEqual([1, -1]);
    expect([...rowsOfGroup(points, 3)]).toEqual([0]);
  });

  it.each([1, 2, 3, 10, 617, 1000, 65_536, 1_000_000])("leaps through %i points and comes past each", (count) => {
    const [seen, by] = [new Uint8Array(count), leap(count)];
    for (let at = 0, row = 0; at < count; at++, row = (row + by) % count) seen[row] = 1;
    expect(seen.every((one) => one === 1)).toBe(true);
  });

  it("colours categories by frequency and numbers on a scale", () => {
    const said = { ...NOTHING_SAID, codes: Uint8Array.of(1, 0, 0, 255), names: ["effusion", "edema"], counts: [2, 1] };
    const { legend, shades, scale } = coloured(said, WORDS);
    expect(legend.map((one) => [one.name, one.count])).toEqual([
      ["effusion", 2],
      ["edema", 1],
      ["none", 1],
    ]);
    expect(scale).toBeNull();
    expect(shades[1]).toBe(shades[2]);
    expect([...shades].map((shade) => shade >>> 24)).toEqual([0, 0, 0, 255]); // what says nothing lies behind
    const many = Array.from({ length: 20 }, (_, at) => `value ${at}`);
    const rare = { ...said, codes: Uint8Array.from(many.keys()), names: many, counts: many.map(() => 1), others: 5 };
    expect(coloured(rare, WORDS).legend.at(-1)).toMatchObject({ name: "17 others, or none", count: 12 });
    const told = JSON.stringify({ kind: "number", names: [], counts: [], others: 0, low: 20, high: 60 });
    const ages = coloured(column(new Uint8Array([...new TextEncoder().encode(`${told}\n`), 0, 253, 127, 255]).buffer), WORDS);
    expect([ages.scale?.low, ages.scale?.high]).toEqual([20, 60]);
    expect(ages.legend.map((one) => one.name)).toEqual(["none"]);
    const lightness = [0, 2, 1].map((row) => bytesOf(ages.shades[row]!).reduce((sum, part) => sum + part));
    expect(lightness).toEqual(lightness.toSorted((a, b) => a - b));
  });

  it("colours groups, and lets what was not taken step back", () => {
    const groups = groupColumn(Uint8Array.of(0, 1, 1, 255), (group) => `group ${group}`);
    const { legend, shades } = coloured(groups, WORDS);
    expect(legend.map(({ name, count }) => [name, count])).toEqual([
      ["group 0", 1],
      ["group 1", 2],
      ["none", 1],
    ]);
    expect(faded(shades, [], [0, 0, 0])).toBe(shades);
    const back = faded(shades, [1], [0, 0, 0]);
    const pale = faded(shades, [1], [255, 255, 255]);
    expect(back[1]).toBe(shades[1]);
    expect(bytesOf(back[2]!)).toEqual(bytesOf(shades[2]!).map((byte) => Math.floor(byte * 0.28)));
    expect(bytesOf(pale[2]!)).toEqual(bytesOf(shades[2]!).map((byte) => Math.floor(byte * 0.28 + 255 * 0.72)));
    expect([back[1]! >>> 24, back[2]! >>> 24]).toEqual([0, 255]);
  });
});
