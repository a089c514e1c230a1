/** What was decided of the audits' findings: the server's list, and what was removed since this page was opened. */
import { signal } from "@preact/signals";
import { api } from "../../../api";
import { messages } from "../../../messages";
import type { Bodies, Decision } from "../../../types";
import { say } from "../../../ui/notice";

export type Audit = Bodies["Decide"]["audit"];

export const decisions = signal<readonly Decision[]>([]);
/** Findings that are chosen, to be decided together, by their keys. */
export const chosen = signal<ReadonlyMap<string, Finding>>(new Map());
/** The numbers of what was decided together last. */
export const lastTogether = signal<readonly number[]>([]);
/** Ids of records that are no longer there; results that were fetched before still name them. */
export const gone = signal<ReadonlySet<string>>(new Set());

export interface Finding {
  audit: Audit;
  ids: readonly string[];
  about?: string;
  value?: string;
}

export type Decides = Bodies["Decide"]["decision"];

export const keyOf = ({ audit, ids, about = "", value = "" }: Finding): string =>
  [audit, about, value, ...ids].join("\n");

export function choose(findings: readonly Finding[], on: boolean): void {
  const next = new Map(chosen.peek());
  for (const each of findings) {
    if (on) next.set(keyOf(each), each);
    else next.delete(keyOf(each));
  }
  chosen.value = next;
}

export async function loadDecisions(): Promise<void> {
  decisions.value = (await api.decisions()).items;
}

const same = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((id) => other.includes(id));

/** The decision about a finding, before all that a record of it is to go; undefined while there is none. */
export const decisionOf = ({ audit, ids, about = "", value = "" }: Finding): Decision | undefined =>
  decisions.value.find((each) => each.decision === "drop" && each.ids.some((id) => ids.includes(id))) ??
  decisions.value.find(
    (each) => each.audit === audit && each.about === about && each.value === value && same(each.ids, ids),
  );

/** The records that are marked to be dropped, of every audit. */
export const marked = (): string[] => [
  ...new Set(decisions.value.filter(({ decision }) => decision === "drop").flatMap(({ ids }) => ids)),
];

export const isGone = ({ ids }: Finding): boolean => ids.some((id) => gone.value.has(id));

/** What is asked so that findings are decided: those that differ in nothing but their record are one decision. */
export function asked(findings: readonly Finding[], decision: Decides): Bodies["Decide"][] {
  const found = new Map<string, Bodies["Decide"]>();
  for (const each of findings) {
    const ofRecord = decision === "drop";
    const about = ofRecord ? "" : (each.about ?? "");
    const value = ofRecord ? "" : (each.value ?? "");
    const isPair = each.audit === "duplicates" && !ofRecord;
    const key = [each.audit, about, value, ...(isPair ? each.ids : [])].join("\n");
    const before = found.get(key)?.ids ?? [];
    found.set(key, { audit: each.audit, decision, ids: [...new Set([...before, ...each.ids])], about, value });
  }
  return [...found.values()];
}

export async function decideTogether(findings: readonly Finding[], decision: Decides): Promise<void> {
  const numbers: number[] = [];
  try {
    for (const body of asked(findings, decision)) numbers.push((await api.decide(body)).number);
  } finally {
    lastTogether.value = numbers;
    choose(findings, false);
    await loadDecisions();
  }
  const words = messages.value.curation;
  say(words.decidedTogether(words.decisions[decision], findings.length));
}

export async function takeBackTogether(): Promise<void> {
  const left = [...lastTogether.peek()];
  try {
    for (; left.length; left.pop()) await api.undoDecision(left.at(-1)!);
  } finally {
    lastTogether.value = left;
    await loadDecisions();
  }
  say(messages.value.curation.takenBack);
}

export async function decide(finding: Finding, decision: Decides): Promise<void> {
  const [body] = asked([finding], decision);
  const made = await api.decide(body!);
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
