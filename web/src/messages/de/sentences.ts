/** The server's sentences in German: whole ones, each by a pattern, and what they are joined to. */
import type { Said } from "../en/audits";

/** What is caught is put in where $1, $2, ... stand, and where #1, #2, ... do as a number; or is handed over; null: this one
 * is not known after all. */
export type Sentences = readonly (readonly [RegExp, string | ((...caught: string[]) => string | null)])[];

const JOINS = /[.:;] /g; // after which another sentence may begin; the mark before a space, kept but for ";"

/** Numbers as German writes them, in what holds nothing but numbers: a label may be called 1.5. */
export const numbers = (said: string): string => said.replace(/(\d)\.(\d)/g, "$1,$2").replace(" to ", " bis ");

const filled = (german: string, caught: readonly string[]): string =>
  german.replace(/([$#])(\d)/g, (_, mark, at) => (mark === "#" ? numbers(caught[at] ?? "") : (caught[at] ?? "")));

function whole(said: string, sentences: Sentences): string | null {
  for (const [pattern, german] of sentences) {
    const caught = pattern.exec(said);
    if (!caught) continue;
    const text = typeof german === "string" ? filled(german, caught) : german(...caught.slice(1));
    if (text !== null) return text;
  }
  return null;
}

/** All of it: the shortest sentence at its beginning that is known, and so on with the rest; null where some is not. */
export function germanOf(said: string, sentences: Sentences): string | null {
  for (const { index, 0: join } of said.matchAll(JOINS)) {
    const mark = join.trim();
    const first = whole(said.slice(0, index) + (mark === ";" ? "" : mark), sentences);
    const rest = first === null ? null : germanOf(said.slice(index + join.length), sentences);
    if (first !== null && rest !== null) return `${first}${mark === ";" ? ";" : ""} ${rest}`;
  }
  return whole(said, sentences);
}

export function translated(said: string, sentences: Sentences): Said {
  const german = germanOf(said, sentences);
  return { text: german ?? said, isTranslated: german !== null };
}
