import { expect, it } from "vitest";
import type { ReadRecord } from "../src/types";
import { differing, flipped, majority, namesIn, nextUnread, undecided } from "../src/views/readings/read";

const record = (id: string, said: Record<string, string[]>, decided: string[] | null = null): ReadRecord => {
  const readings = Object.entries(said).map(([reader, labels]) => ({ reader, labels, time: 0 }));
  const agree = readings.length < 2 ? null : new Set(readings.map(({ labels }) => labels.join())).size === 1;
  return { id, readings, agree, decided, by: "", time: null };
};

it("takes names between commas, each once", () => {
  expect(namesIn(" anna, ben ,, anna")).toEqual(["anna", "ben"]);
  expect(namesIn(" , ")).toEqual([]);
});

it("flips a label", () => {
  expect(flipped(flipped(["a"], "b"), "a")).toEqual(["b"]);
});

it("goes on with what is not read, and stays where all is", () => {
  const asked = ["a", "b", "c", "d"];
  expect(nextUnread(asked, new Set(["b"]), 1)).toBe(2);
  expect(nextUnread(asked, new Set(["c", "d"]), 2)).toBe(0);
  expect(nextUnread(asked, new Set(asked), 3)).toBe(3);
  expect(nextUnread([], new Set(), 0)).toBe(0);
});

it("finds where two readers differ, by label and as a whole, of what both have read", () => {
  const records = [
    record("same", { anna: ["x", "y"], ben: ["y", "x"] }),
    record("y", { anna: ["x", "y"], ben: ["x"] }),
    record("nothing", { anna: [], ben: ["x"] }),
    record("once", { anna: ["x"] }),
  ];
  const ids = (label: string): string[] => differing(records, ["anna", "ben"], label).map(({ id }) => id);
  expect(ids("")).toEqual(["y", "nothing"]);
  expect(ids("x")).toEqual(["nothing"]);
  expect(ids("y")).toEqual(["y"]);
});

it("decides what two say otherwise and nobody has decided, beginning with the majority", () => {
  const open = record("open", { anna: ["x", "z"], ben: ["x"], eve: ["y"] });
  const records = [open, record("done", { anna: ["x"], ben: [] }, ["x"]), record("same", { anna: ["x"], ben: ["x"] })];
  expect(undecided(records)).toEqual([open]);
  expect(majority(open)).toEqual(["x"]);
});
