/**
 * The page's words in the language of who reads it: the browser's, until one is chosen.
 *
 * A view moves over as a whole: its words become an entry of `messages/en.ts`, whose shape every other language must
 * have, which the compiler checks. What the server says stays in its own words, as do names of the field.
 */
import { computed, signal } from "@preact/signals";
import { de } from "./messages/de";
import { en, type Messages } from "./messages/en";

const LANGUAGES = { en, de } satisfies Record<string, Messages>;
export type Language = keyof typeof LANGUAGES;

const KEPT = "lookalike-language";
const isLanguage = (name: string | null): name is Language => name !== null && Object.hasOwn(LANGUAGES, name);

/** What was chosen; else the first of the browser's languages that the page has; else English. */
export function languageOf(kept: string | null, wanted: readonly string[]): Language {
  if (isLanguage(kept)) return kept;
  return wanted.map((each) => each.slice(0, 2).toLowerCase()).find(isLanguage) ?? "en";
}

export const language = signal<Language>(languageOf(localStorage.getItem(KEPT), navigator.languages));
export const messages = computed<Messages>(() => LANGUAGES[language.value]);

language.subscribe((chosen) => void (document.documentElement.lang = chosen));

export function chooseLanguage(chosen: Language): void {
  localStorage.setItem(KEPT, chosen);
  language.value = chosen;
}

/** The other language, by its own name: what the switch offers. */
export const otherLanguage = computed<Language>(() => (language.value === "en" ? "de" : "en"));

/** As toFixed, with the language's sign between whole and part. */
export const fixed = (value: number, digits: number): string =>
  value.toFixed(digits).replace(".", messages.value.common.decimal);
/** A count with the language's sign between thousands. */
export const whole = (count: number): string => count.toLocaleString(language.value);
/** A time in seconds since 1970, as the language writes it. */
export const clock = (seconds: number): string => new Date(seconds * 1000).toLocaleString(messages.value.common.dates);
