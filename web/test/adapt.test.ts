import { expect, it } from "vitest";
import { drawingsOf } from "../src/views/adapt/curves";
import { innerOf, triedOf } from "../src/views/adapt/inner";
import { freeName, isSpaceName, spaceTitle, stemOf } from "../src/views/adapt/names";

it("offers a name that no space has", () => {
  expect(freeName(["base"])).toBe("findings");
  expect(freeName(["base", "findings"])).toBe("findings-2");
  expect(freeName(["base", "findings", "findings-2", "findings-4"])).toBe("findings-3");
  expect(["findings-2", "a_b"].map(isSpaceName)).toEqual([true, true]);
  expect(["", "base", "../x", "a b", "-a"].map(isSpaceName)).toEqual([false, false, false, false, false]);
});

it("says what a space is for", () => {
  const space = { name: "view", kind: "adapter", answers: true, field: "ViewPosition", labels: ["PA", "AP"], accepted: true, note: "" } as const;
  expect(spaceTitle({ ...space, labels: [...space.labels] })).toBe("view (ViewPosition: PA, AP)");
  expect(spaceTitle({ ...space, labels: [], accepted: false })).toBe("view (ViewPosition), not surely better than base");
  expect(spaceTitle({ ...space, labels: [], field: "", accepted: false, note: "damaged" })).toBe("view (damaged)");
  expect(spaceTitle({ ...space, name: "base", kind: "base", field: "", labels: [] })).toBe("base (the encoder's own)");
});

it("draws a curve a measure, a line a run, with its best point and its intervals", () => {
  const point = (measure: string, run: string, step: number, value: number, half: number | null = null) => ({
    measure,
    run,
    step,
    value,
    low: half === null ? null : value - half,
    high: half === null ? null : value + half,
  });
  const [loss, score] = drawingsOf([
    point("loss", "noise 1.5", 10, 2, 0.5),
    point("accuracy", "noise 1.5", 10, 0.5),
    point("loss", "noise 1.5", 20, 1, 0.5),
    point("loss", "noise 0.5", 10, 1.5),
  ]);
  expect(loss).toMatchObject({ measure: "loss", low: 0.5, high: 2.5, first: 10, last: 20 });
  expect(loss?.lines.map(({ run, best, bestAt, last }) => [run, best, bestAt, last])).toEqual([
    ["noise 1.5", 1, 20, 1],
    ["noise 0.5", 1.5, 10, 1.5],
  ]);
  expect(loss?.lines[0]?.line).toBe("M0 25L100 75");
  expect(loss?.lines[0]?.band).toBe("M0 0L100 50L100 100L0 50Z");
  expect(score?.lines[0]).toMatchObject({ band: "", line: "M50 50h0" });
  expect(drawingsOf([])).toEqual([]);
});

it("reads what a training notes of its inner folds and of the kinds it tried", () => {
  expect(innerOf({ inner_folds: null })).toBeNull();
  const noted = { folds: 3, records: 40, base: 0.3, adapter: 0.4, chance: 0.2, gain: [0.1, 0.02, 0.2] };
  expect(innerOf({ inner_folds: noted })).toMatchObject({ adapter: 0.4, p: null, head: {} }); // of an earlier version
  const tried = { linear: { precision: 0.5, interval: [0.4, 0.6], behind: [-0.1, -0.2, 0.1] } };
  expect(triedOf({ tried, chosen: "linear" })).toMatchObject([{ kind: "linear", behind: -0.1, chosen: true }]);
  expect(triedOf({})).toEqual([]);
  expect(stemOf("View Position (0018,5101)")).toBe("View-Position-0018-5101");
});
