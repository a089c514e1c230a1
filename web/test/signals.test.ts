import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

it("never takes for granted that a signal holds something", () => {
  // A part of the page is drawn again before the part around it has found out that there is nothing to draw.
  const files = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((file) => /\.tsx?$/.test(file));
  expect(files.length).toBeGreaterThan(50);
  expect(files.filter((file) => readFileSync(`src/${file}`, "utf8").includes(".value!"))).toEqual([]);
});
