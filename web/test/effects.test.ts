import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

/** What an effect that waits until the page was painted does: up to a tenth of a second later, on a busy machine more. */
function lateOnes(text: string): string[] {
  const starts = [...text.matchAll(/\buseEffect\(/g)].map((found) => found.index + found[0].length);
  return starts.map((start) => {
    let [end, open] = [start, 1];
    for (; open > 0; end++) open += text[end] === "(" ? 1 : text[end] === ")" ? -1 : 0;
    return text.slice(start, end - 1);
  });
}

it("listens and takes the focus as soon as it is shown", () => {
  const files = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((file) => /\.tsx?$/.test(file));
  const late = files.flatMap((file) => lateOnes(readFileSync(`src/${file}`, "utf8")).map((effect) => ({ file, effect })));
  expect(late.length).toBeGreaterThan(30);
  const deaf = /addEventListener|showModal|\.focus\(|\.push\(/;
  expect(late.filter(({ effect }) => deaf.test(effect)).map(({ file }) => file)).toEqual([]);
});
