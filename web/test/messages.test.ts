import { readdirSync, readFileSync } from "node:fs";
import { expect, it, vi } from "vitest";

vi.stubGlobal("localStorage", { getItem: () => null, setItem: () => undefined });
vi.stubGlobal("document", { documentElement: {} });
vi.stubGlobal("navigator", { languages: ["fr-FR", "de-AT", "en"] });
const { language, languageOf, messages } = await import("../src/messages");

it("speaks what was chosen, else the browser's first language that the page has, else English", () => {
  expect(languageOf("de", ["en-US"])).toBe("de");
  expect(languageOf("xx", ["fr-FR", "de-AT", "en"])).toBe("de");
  expect(languageOf(null, ["fr-FR"])).toBe("en");
  expect(language.value).toBe("de");
  expect(messages.value.frame.records(1)).toBe("1 Eintrag");
  expect(messages.value.frame.records(10_000)).toBe("10.000 Einträge");
});

it("writes no number in a view with another sign between whole and part than the language's", () => {
  const files = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((file) => /views\/.*\.tsx?$/.test(file));
  expect(files.length).toBeGreaterThan(50);
  expect(files.filter((file) => /toFixed\([1-9]/.test(readFileSync(`src/${file}`, "utf8")))).toEqual([]);
  expect(messages.value.curation.distance(0.802, 90.9)).toContain("0,802, weiter als 90,9 %");
});
