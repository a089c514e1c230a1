import { describe, expect, it } from "vitest";
import { effectiveVotes, wilson } from "../src/range";

describe("the range of a vote", () => {
  it("agrees with published figures", () => {
    // Newcombe (1998), Statistics in Medicine 17:857, table I: 81 of 263 and 15 of 148, score method.
    const [low, high] = wilson(81 / 263, 263)!;
    expect([low.toFixed(4), high.toFixed(4)]).toEqual(["0.2553", "0.3662"]);
    const [less, more] = wilson(15 / 148, 148)!;
    expect([less.toFixed(4), more.toFixed(4)]).toEqual(["0.0624", "0.1605"]);
  });

  it("counts unequal votes for less", () => {
    expect(effectiveVotes([1, 1, 1, 1])).toBe(4);
    expect(effectiveVotes([1, 0, 0])).toBe(1);
    expect(effectiveVotes([])).toBe(0);
    expect(wilson(0.5, 0)).toBeNull();
    expect(wilson(0, 5)![0]).toBe(0);
  });
});
