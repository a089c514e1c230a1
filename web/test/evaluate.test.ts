import { expect, it } from "vitest";
import type { Report } from "../src/types";
import { changesBetween, comparedRows, reasonsAgainst } from "../src/views/evaluate/compared";
import { reportOf, rowsOf } from "../src/views/evaluate/figures";
import { differencesOf, levelRows, pOf, points, sizeRows, subgroupRows } from "../src/views/evaluate/partRows";

const scores = (macro: number, micro: number): Report["intervals"] => ({
  micro: { "P@5": micro },
  macro: { "P@5": macro },
  per_class: {},
  micro_intervals: { "P@5": [micro - 0.1, micro + 0.1] },
  macro_intervals: { "P@5": [macro - 0.1, macro + 0.1] },
  per_class_intervals: {},
});
const chance = { macro: 0.2, micro: 0.25 };
const gap = (value: number, p: number | null) => ({ value, low: value - 0.1, high: value + 0.1, p, p_adjusted: p });
const report = {
  queries: 40,
  ...scores(0.6, 0.5),
  intervals: scores(0.6, 0.5),
  per_class: {},
  class_sizes: {},
  chance,
  audit: {},
  baseline: null,
  comparison: {
    against: "base",
    scores: scores(0.4, 0.3),
    macro: { "P@5": gap(0.2, 0.0004) },
    micro: { "P@5": gap(0.2, 0.02) },
  },
  levels: [{ level: "view", queries: 30, scores: scores(0.9, 0.8), chance }],
  sizes: [{ size: 20, records: 19.6, unscored: 3, scores: scores(0.3, 0.2), chance }],
} as unknown as Report;

it("sets the other space beside the difference", () => {
  const [macro, micro] = differencesOf(report, "P@5");
  expect(macro?.other.value).toBe(0.4);
  expect([macro?.mean, micro?.mean]).toEqual(["macro", "micro"]);
  expect([pOf(macro?.gap.p), pOf(micro?.gap.p), pOf(null)]).toEqual(["<.001", "0.020", "–"]);
  expect(differencesOf({ ...report, comparison: null }, "P@5")).toEqual([]);
});

it("makes a row of each level, size and subgroup", () => {
  expect(levelRows(report, "P@5")).toMatchObject([{ name: "view", queries: 30, macro: { value: 0.9 }, chance: 0.2 }]);
  expect(sizeRows(report, "P@5")).toMatchObject([{ name: "20", queries: 37, micro: { value: 0.2 } }]);
  const field = { field: "sex", groups: { F: { queries: 7, patients: 6, scores: scores(0.5, 0.4), chance } } };
  expect(subgroupRows(field as unknown as Report["subgroups"][number], "P@5")).toMatchObject([
    { name: "F", queries: 7, macro: { value: 0.5, interval: [0.4, 0.6] } },
  ]);
  expect(points(0.123)).toBe("12.3");
});

it("shows reports that were made before there were parts", () => {
  const old = reportOf({ ...report, levels: undefined, sizes: undefined, comparison: undefined });
  expect(old && rowsOf(old, "P@5").map(({ name }) => name)).toEqual([
    "all queries (micro)",
    "mean of classes (macro)",
  ]);
});

it("sets two reports of the same records and split side by side, and says why others are not comparable", () => {
  const one = { ...report, space: "base", data_hash: "a", split_hash: "s", protocol: "", encoder: { name: "lite0" } };
  const first = { ...one, adapter: null, index: "exact", version: "1" } as unknown as Report;
  const second = { ...first, space: "findings", adapter: { kind: "mlp" }, macro: { "P@5": 0.7 } } as unknown as Report;
  expect(reasonsAgainst(first, second)).toEqual([]);
  expect(changesBetween(first, second)).toEqual(["space: base → findings", "adapter: none → mlp"]);
  const macro = comparedRows(first, second, "P@5").at(-1);
  expect(macro?.difference).toBeCloseTo(0.1);
  expect(reasonsAgainst(first, { ...second, data_hash: "b", split_hash: "t" })).toHaveLength(2);
  expect(reasonsAgainst(first, { ...second, data_hash: "" })[0]).toContain("earlier version");
});
