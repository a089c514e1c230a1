/** What is chosen of the findings that are shown, and what may be decided of all of it at once. */
import { useState } from "preact/hooks";
import { messages } from "../../../messages";
import { sayProblem } from "../../../ui/notice";
import type { Choice } from "./Card";
import {
  choose,
  chosen,
  decideTogether,
  decisionOf,
  type Decides,
  type Finding,
  keyOf,
  lastTogether,
  takeBackTogether,
} from "./decided";

/** choices: the findings that are shown, each with what may be decided of it. */
export function Together({ choices }: { choices: ReadonlyMap<Finding, readonly Choice[]> }) {
  const [busy, setBusy] = useState(false);
  const words = messages.value.curation;
  const open = [...choices.keys()].filter((each) => !decisionOf(each));
  const some = open.filter((each) => chosen.value.has(keyOf(each)));
  const may = new Map<Decides, Finding[]>();
  for (const each of some) {
    for (const { decision } of choices.get(each) ?? []) may.set(decision, [...(may.get(decision) ?? []), each]);
  }
  const work = async (done: Promise<void>): Promise<void> => {
    setBusy(true);
    await done.catch(sayProblem);
    setBusy(false);
  };
  const last = lastTogether.value.length;
  if (open.length < 2 && !last) return null;
  return (
    <div class="row acts" data-testid="together">
      <span class="muted" data-testid="findings-chosen">
        {words.chosen(some.length)}
      </span>
      <button disabled={open.length === 0} data-testid="findings-all" onClick={() => choose(open, true)}>
        {words.chooseAll}
      </button>
      <button disabled={some.length === 0} data-testid="findings-none" onClick={() => choose(open, false)}>
        {words.chooseNone}
      </button>
      {[...may].map(([decision, findings]) => (
        <button
          key={decision}
          disabled={busy}
          title={words.meaning[decision]}
          data-testid={`together-${decision}`}
          onClick={() => void work(decideTogether(findings, decision))}
        >
          {words.together(words.decisions[decision], findings.length)}
        </button>
      ))}
      {last > 0 && (
        <button disabled={busy} data-testid="together-undo" onClick={() => void work(takeBackTogether())}>
          {words.undoTogether(last)}
        </button>
      )}
    </div>
  );
}
