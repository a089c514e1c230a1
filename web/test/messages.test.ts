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
