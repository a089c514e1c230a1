/** The changes of labels that this page made, newest last, so that they can be taken back. */
import { computed, signal } from "@preact/signals";
import { api } from "../../api";
import { refresh } from "../../search";
import type { Bodies } from "../../types";
import { say, sayProblem } from "../../ui/notice";
import { counted } from "../../ui/small";

interface Made {
  change: number;
  records: number;
}

const made = signal<readonly Made[]>([]);

export const canUndoLabels = computed(() => made.value.length > 0);
/** Records whose labels are not what they were when this page was opened. */
export const changedHere = computed(() => made.value.reduce((sum, one) => sum + one.records, 0));

/** Raises a Problem where the server refuses. */
export async function changeLabels(body: Bodies["ChangeLabels"]): Promise<void> {
  const { changed, change } = await api.changeLabels(body);
  say(`${counted(changed, "record")} changed. Adapt learns from it when it is trained again.`);
  await refresh();
  if (change !== null) made.value = [...made.value, { change, records: changed }];
}

/** Takes the last change back. */
export async function undoLabels(): Promise<void> {
  const last = made.value.at(-1);
  if (!last) return;
  try {
    const { changed } = await api.undoLabels({ change: last.change });
    say(`Taken back: ${counted(changed, "record")} changed.`);
    await refresh();
    made.value = made.value.filter((one) => one !== last);
  } catch (error) {
    sayProblem(error);
  }
}
