import { expect, it } from "vitest";
import { freeName, isSpaceName } from "../src/views/adapt/names";

it("offers a name that no space has", () => {
  expect(freeName(["base"])).toBe("findings");
  expect(freeName(["base", "findings"])).toBe("findings-2");
  expect(freeName(["base", "findings", "findings-2", "findings-4"])).toBe("findings-3");
  expect(["findings-2", "a_b"].map(isSpaceName)).toEqual([true, true]);
  expect(["", "base", "../x", "a b", "-a"].map(isSpaceName)).toEqual([false, false, false, false, false]);
});
