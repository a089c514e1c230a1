import { describe, expect, it } from "vitest";
import { marks, sinceQuery, spots } from "../src/views/search/timeline";

describe("the time line", () => {
  it("puts days in their order and proportion, whole within the line", () => {
    const placed = spots([100, 0, 50], [0, 100], 440, 40);
    expect(placed.map(({ x }) => x)).toEqual([420, 20, 220]);
    expect(placed.map(({ row }) => row)).toEqual([0, 0, 0]);
  });

  it("lets nothing cover anything else", () => {
    for (const width of [60, 320, 900]) {
      const days = Array.from({ length: 40 }, (_, at) => (at * at * 7) % 365);
      const placed = spots(days, [0, 365], width, 44);
      for (const [at, one] of placed.entries()) {
        for (const other of placed.slice(at + 1)) {
          expect(one.row !== other.row || Math.abs(one.x - other.x) >= 44 - 1e-9).toBe(true);
        }
      }
    }
  });

  it("has one place where all is of one day", () => {
    expect(spots([5, 5], [5, 5], 100, 40)).toEqual([{ x: 50, row: 0 }, { x: 50, row: 1 }]);
    expect(marks([5, 5])).toEqual([5]);
  });

  it.each([
    [[0, 6], 7],
    [[0, 40], 6],
    [[0, 366], 6],
    [[-3, 4000], 6],
    [[12, 90_000], 12],
  ] as const)("marks round days of %j", (ends, most) => {
    const found = marks(ends);
    expect(found.length).toBeGreaterThan(0);
    expect(found.length).toBeLessThanOrEqual(most);
    expect(found.every((day) => day >= ends[0] && day <= ends[1])).toBe(true);
  });

  it("says when, seen from the query", () => {
    expect(sinceQuery(0, null)).toBe("day 0");
    expect(sinceQuery(3, 3)).toBe("the query's day");
    expect(sinceQuery(2, 3)).toBe("1 day before the query");
    expect(sinceQuery(400, 3)).toBe("13 months after the query");
    expect(sinceQuery(0, 1461)).toBe("4 years before the query");
  });
});
