import { expect, it } from "vitest";
import { freeName, isSpaceName, spaceTitle } from "../src/views/adapt/names";

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
