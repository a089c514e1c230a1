/** What audits say stands in German too: in the very words of the server, which may not go by unseen. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { audits as german } from "../src/messages/de/audits";
import { audits as english } from "../src/messages/en/audits";

const server = (file: string): string =>
  readFileSync(fileURLToPath(new URL(`../../src/lookalike/evaluation/${file}`, import.meta.url)), "utf-8");
/** A sentence is the server's where each of its pieces stands in the file. */
const isOf = (code: string, pieces: readonly string[]): boolean => pieces.every((piece) => code.includes(piece));

const REASONS: readonly (readonly [said: string, pieces: readonly string[], german: string])[] = [
  ["nothing stands out from the background", ["nothing stands out from the background"], "nichts hebt sich vom Hintergrund ab"],
  [
    "it fits better with black and white exchanged; the file says MONOCHROME1",
    ["it fits better with black and white exchanged", "; the file says "],
    "es passt besser mit vertauschtem Schwarz und Weiß; die Datei sagt MONOCHROME1",
  ],
  ["it fits better turned clockwise", ["it fits better {", "turned clockwise"], "es passt besser nach rechts gedreht"],
  ["it fits better transposed the other way", ["transposed the other way"], "es passt besser an der anderen Diagonale gespiegelt"],
  ["it fits better mirrored", ["it fits better mirrored"], "es passt besser gespiegelt"],
  ["it fits better upside down", ["it fits better upside down"], "es passt besser auf dem Kopf"],
  ["much of it is white", ["much of it is white"], "vieles darin ist weiß"],
  ["little lies between black and white", ["little lies between black and white"], "zwischen Schwarz und Weiß liegt wenig"],
  ["recorded: nothing, neighbours: CHEST", ["recorded: {", ", neighbours: {"], "nichts verzeichnet, Nachbarn: CHEST"],
  ["recorded: HAND, neighbours: CHEST", ["recorded: {", ", neighbours: {"], "verzeichnet: HAND, Nachbarn: CHEST"],
  ["recorded: nothing, and unlike all with it", [", and unlike all with it"], "nichts verzeichnet, und allen unähnlich, bei denen auch nichts verzeichnet ist"],
  ["recorded: HAND, and unlike all with it", [", and unlike all with it"], "verzeichnet: HAND, und allen damit unähnlich"],
  ["1 line of text", ["'line' if", "of text"], "Textzeilen: 1"],
];

describe("what the quality audit saw", () => {
  const code = server("quality.py");
  for (const [said, pieces, expected] of REASONS)
    it(said, () => {
      expect(isOf(code, pieces)).toBe(true);
      expect(german.reason(said)).toEqual({ text: expected, isTranslated: true });
      expect(english.reason(said).text).toBe(said);
    });

  it("is left in the server's words, and marked so, where it is new", () => {
    expect(german.reason("it fits a frame")).toEqual({ text: "it fits a frame", isTranslated: false });
  });

  it("gives advice for each fault that has some", () => {
    const advice = /ADVICE[^{]*\{([^}]*)\}/.exec(server("quality_report.py"))![1]!;
    const faults = [...advice.matchAll(/^\s*"([a-z-]+)":/gm)].map(([, fault]) => fault!);
    expect(faults.length).toBeGreaterThan(5);
    for (const fault of faults) expect(german.advice(fault, "as the server says").isTranslated).toBe(true);
    expect(english.advice(faults[0]!, "as the server says").text).toBe("as the server says");
  });
});
