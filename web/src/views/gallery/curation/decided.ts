/** What was decided of the audits' findings: the server's list, and what was removed since this page was opened. */
import { signal } from "@preact/signals";
import { api } from "../../../api";
import { messages } from "../../../messages";
import type { Bodies, Decision } from "../../../types";
import { say } from "../../../ui/notice";

export type Audit = Bodies["Decide"]["audit"];

export const decisions = signal<readonly Decision[]>([]);
/** Ids of records that are no longer there; results that were fetched before still name them. */
export const gone = signal<ReadonlySet<string>>(new Set());

export interface Finding {
  audit: Audit;
  ids: readonly string[];
  about?: string;
  value?: string;
}

export async function loadDecisions(): Promise<void> {
  decisions.value = (await api.decisions()).items;
}

const same = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((id) => other.includes(id));

/** The decision about a finding; undefined while there is none. */
export const decisionOf = ({ audit, ids, about = "", value = "" }: Finding): Decision | undefined =>
  decisions.value.find(
    (each) => each.audit === audit && each.about === about && each.value === value && same(each.ids, ids),
  );

export const isGone = ({ ids }: Finding): boolean => ids.some((id) => gone.value.has(id));

export async function decide(finding: Finding, decision: Bodies["Decide"]["decision"]): Promise<void> {
  const { audit, ids, about = "", value = "" } = finding;
  const made = await api.decide({ audit, decision, ids: [...ids], about, value });
  await loadDecisions();
  const words = messages.value.curation;
  say(made.changed ? words.decidedAndChanged(words.decisions[decision], made.changed) : words.decidedNow(words.decisions[decision]));
}

export async function takeBack(number: number): Promise<void> {
  await api.undoDecision(number);
  await loadDecisions();
  say(messages.value.curation.takenBack);
}

/** After a removal. */
export function forget(ids: readonly string[]): void {
  gone.value = new Set([...gone.peek(), ...ids]);
}
