/** The changes of labels that this page made, newest last, so that they can be taken back. */
import { computed, signal } from "@preact/signals";
import { api } from "../../api";
import { messages } from "../../messages";
import { refresh } from "../../search";
import type { Bodies } from "../../types";
import { say, sayProblem } from "../../ui/notice";

interface Made {
  change: number;
  records: number;
}

const made = signal<readonly Made[]>([]);

/** Counts what was taken back here, whoever had made it: what is shown is then another. */
export const undone = signal(0);
export const canUndoLabels = computed(() => made.value.length > 0);
/** Records whose labels are not what they were when this page was opened. */
export const changedHere = computed(() => made.value.reduce((sum, one) => sum + one.records, 0));

/** Raises a Problem where the server refuses. */
export async function changeLabels(body: Bodies["ChangeLabels"]): Promise<void> {
  const { changed, change } = await api.changeLabels(body);
  say(messages.peek().labels.changed(changed));
  await refresh();
  if (change !== null) made.value = [...made.value, { change, records: changed }];
}

/** Sets labels as a CSV table says, in one change. */
export async function importLabels(table: File): Promise<void> {
  try {
    const upload = await api.upload([table]);
    const { changed, change } = await api.importLabels({ upload: upload.id });
    say(change === null ? messages.peek().labels.already : messages.peek().labels.imported(changed));
    await refresh();
    if (change !== null) made.value = [...made.value, { change, records: changed }];
  } catch (error) {
    sayProblem(error);
  }
}

/** Takes the last change back. */
export async function undoLabels(): Promise<void> {
  const last = made.value.at(-1);
  if (last) await undoChange(last.change);
}

/** Takes one change back, whoever made it. */
export async function undoChange(change: number): Promise<void> {
  try {
    const { changed } = await api.undoLabels({ change });
    say(messages.peek().labels.takenBack(changed));
    await refresh();
    made.value = made.value.filter((one) => one.change !== change);
    undone.value += 1;
  } catch (error) {
    sayProblem(error);
  }
}
