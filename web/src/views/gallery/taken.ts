/** What became of the files that were to be added, in one sentence. Pure. */
import type { Job } from "../../types";
import { counted } from "../../ui/small";

export interface Taken {
  added: number;
  skipped: number;
  refused: number;
}

export const NONE: Taken = { added: 0, skipped: 0, refused: 0 };

/** The counts of a job that adds; nothing of it where it told none. */
export function takenBy({ result }: Job): Taken {
  if (!result || !("added" in result)) return NONE;
  return { added: result.added, skipped: result.skipped, refused: result.refused.length };
}

export const together = (one: Taken, other: Taken): Taken => ({
  added: one.added + other.added,
  skipped: one.skipped + other.skipped,
  refused: one.refused + other.refused,
});

/** state: of the last job; "done" also where there was nothing to do. */
export function takenSentence({ added, skipped, refused }: Taken, state: Job["state"]): string {
  const words = [
    `${counted(added, "record")} added`,
    skipped ? `${counted(skipped, "file")} already there` : "",
    refused ? `${counted(refused, "file")} refused: why stands under “refused”` : "",
  ];
  const ended = state === "done" ? "" : ` Adding ${state}; what was read before is kept.`;
  return `${words.filter(Boolean).join(", ")}.${ended}`;
}
