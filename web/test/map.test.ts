import { describe, expect, it } from "vitest";
import { coloured } from "../src/map/colours";
import { caught, centroid, fitted, inside, nearest, toMap, toScreen } from "../src/map/geometry";

const size = { width: 400, height: 200 };

describe("the map", () => {
  it("shows every point, and goes back from the screen", () => {
    const [x, y] = [
      [-3, 9, 4],
      [2, -8, 30],
    ];
    const camera = fitted(x, y, size);
    x.forEach((value, at) => {
      const [px, py] = toScreen([value, y[at]!], camera, size);
      expect(px).toBeGreaterThan(0);
      expect(px).toBeLessThan(400);
      expect(py).toBeGreaterThan(0);
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
    expect(caught([1, 3, 5, 9], [5, 5, 5, 5], horseshoe)).toEqual([0, 2]);
  });

  it("finds the nearest within reach", () => {
    expect(nearest([0, 5], [0, 0], [4, 0], 2)).toBe(1);
    expect(nearest([0, 5], [0, 0], [2.5, 9], 2)).toBe(-1);
    expect(centroid([0, 4], [0, 2], [0, 1])).toEqual([2, 1]);
    expect(centroid([], [], [])).toBeNull();
  });

  it("colours categories by frequency and numbers on a scale", () => {
    const { legend, bytes } = coloured([["edema"], ["effusion", "edema"], ["effusion"], []], false);
    expect(legend.map((one) => [one.name, one.count])).toEqual([
      ["effusion", 2],
      ["edema", 1],
      ["none", 1],
    ]);
    expect([...bytes.slice(3, 6)]).toEqual([...bytes.slice(6, 9)]);
    const ages = coloured([20, 60, 40, null], true);
    expect(ages.legend.map((one) => one.name)).toEqual(["20", "40", "60", "none"]);
  });
});
