/** What became of the files that were to be added, in one sentence. Pure. */
import type { Job, LabelMatch } from "../../types";
import { fileName } from "../../ui/facts";
import { counted } from "../../ui/small";

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
  if (!result || !("added" in result)) return NONE;
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
  return all ? `${all.toLocaleString("en")} set apart as no images: ${each.join(", ")}` : "";
}

/** How a table of labels and the images met, and up to three of each that did not. */
export function metSentences(labels: LabelMatch | null): string[] {
  if (!labels) return [];
  const { rows, rows_met: met, images, images_met: labelled, rows_left: left, images_left: bare } = labels;
  const names = (some: LabelMatch["rows_left"]): string => some.map(({ source }) => fileName(source)).join(", ");
  return [
    `${met} of ${counted(rows, "row")} of the table met ${labelled} of ${counted(images, "image")}.`,
    left.length ? `No image for ${names(left)}${rows - met > left.length ? ", …" : ""}.` : "",
    bare.length ? `No row for ${names(bare)}${images - labelled > bare.length ? ", …" : ""}.` : "",
  ].filter(Boolean);
}

/** state: of the last job; "done" also where there was nothing to do. */
export function takenSentence({ added, skipped, refused, kinds }: Taken, state: Job["state"]): string {
  const words = [
    `${counted(added, "record")} added`,
    skipped ? `${counted(skipped, "file")} already there` : "",
    refused ? `${counted(refused, "file")} refused: why stands under “refused”` : "",
  ];
  const apart = apartWords(kinds);
  const ended = state === "done" ? "" : ` Adding ${state}; what was read before is kept.`;
  return `${words.filter(Boolean).join(", ")}.${apart && ` ${apart}.`}${ended}`;
}
