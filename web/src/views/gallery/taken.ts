/** What became of the files that were to be added, in one sentence. Pure. */
import { messages } from "../../messages";
import type { Job, LabelMatch } from "../../types";
import { fileName } from "../../ui/facts";

export interface Taken {
  added: number;
  skipped: number;
  refused: number;
  /** What is no image, and how many of each kind. */
  kinds: Readonly<Record<string, number>>;
}

export const NONE: Taken = { added: 0, skipped: 0, refused: 0, kinds: {} };

/** The counts of a job that adds; nothing of it where it told none. */
export function takenBy({ result }: Job): Taken {
  if (!result || !("added" in result && "skipped" in result)) return NONE;
  return { added: result.added, skipped: result.skipped, refused: result.refused.length, kinds: result.kinds };
}

export const together = (one: Taken, other: Taken): Taken => ({
  added: one.added + other.added,
  skipped: one.skipped + other.skipped,
  refused: one.refused + other.refused,
  kinds: Object.entries(other.kinds).reduce(
    (sum, [kind, count]) => ({ ...sum, [kind]: (sum[kind] ?? 0) + count }),
    one.kinds,
  ),
});

/** "5 set apart as no images: 3 mask, 2 SR", or "". */
export function apartWords(kinds: Taken["kinds"]): string {
  const all = Object.values(kinds).reduce((sum, count) => sum + count, 0);
  const each = Object.entries(kinds).map(([kind, count]) => `${count} ${kind}`);
  return all ? messages.value.holdings.apart(all, each.join(", ")) : "";
}

/** How a table of labels and the images met, and up to three of each that did not. */
export function metSentences(labels: LabelMatch | null): string[] {
  if (!labels) return [];
  const { rows, rows_met: met, images, images_met: labelled, rows_left: left, images_left: bare } = labels;
  const words = messages.value.holdings;
  const names = (some: LabelMatch["rows_left"]): string => some.map(({ source }) => fileName(source)).join(", ");
  return [
    words.met(met, rows, labelled, images),
    left.length ? words.noImageFor(`${names(left)}${rows - met > left.length ? ", …" : ""}`) : "",
    bare.length ? words.noRowFor(`${names(bare)}${images - labelled > bare.length ? ", …" : ""}`) : "",
  ].filter(Boolean);
}

/** state: of the last job; "done" also where there was nothing to do. */
export function takenSentence({ added, skipped, refused, kinds }: Taken, state: Job["state"]): string {
  const { holdings: says, jobs } = messages.value;
  const words = [
    says.added(added),
    skipped ? says.skipped(skipped) : "",
    refused ? says.refused(refused) : "",
  ];
  const apart = apartWords(kinds);
  const ended = state === "done" ? "" : ` ${says.adding(jobs.state[state] ?? state)}`;
  return `${words.filter(Boolean).join(", ")}.${apart && ` ${apart}.`}${ended}`;
}
