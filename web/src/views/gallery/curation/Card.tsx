/** A finding, with what may be decided of it: by its buttons, or by their keys while the focus is within. */
import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import { messages } from "../../../messages";
import { mayChange } from "../../../state";
import type { Bodies } from "../../../types";
import { sayProblem } from "../../../ui/notice";
import { moment } from "../told";
import { choose, chosen, decide, decisionOf, type Finding, keyOf, takeBack } from "./decided";

export interface Choice {
  decision: Bodies["Decide"]["decision"];
  key: string;
}

/** Of any audit: whoever may remove the record is asked to. */
export const TO_DROP: Choice = { decision: "drop", key: "d" };

interface Props {
  finding: Finding;
  label: string;
  choices: readonly Choice[];
  children: ComponentChildren;
  /** More buttons, such as those that remove. */
  more?: ComponentChildren;
}

const ARROWS: Record<string, number> = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };

/** The card that comes next, so that the keyboard goes on where it was. */
function beside(card: HTMLElement | null, by: number): HTMLElement | undefined {
  const cards = [...(card?.closest(".findings")?.querySelectorAll<HTMLElement>(".finding") ?? [])];
  return cards[cards.indexOf(card as HTMLElement) + by];
}

export function Card({ finding, label, choices, children, more }: Props) {
  const card = useRef<HTMLElement>(null);
  const [busy, setBusy] = useState(false);
  const words = messages.value.curation;
  const decided = decisionOf(finding);
  const called = (decision: string): string =>
    finding.audit === "duplicates" && decision === "keep"
      ? words.keepBoth
      : words.decisions[decision as Choice["decision"]];
  const isContributor = mayChange.value;
  const work = async (done: Promise<void>): Promise<void> => {
    const next = beside(card.current, 1) ?? beside(card.current, -1);
    setBusy(true);
    await done.catch(sayProblem);
    setBusy(false);
    if (!card.current?.isConnected) next?.focus();
  };
  const act = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || busy) return;
    const by = ARROWS[event.key];
    const chosen = choices.find((one) => one.key === event.key);
    if (by) beside(card.current, by)?.focus();
    else if (chosen && isContributor && !decided) void work(decide(finding, chosen.decision));
    else if (event.key === "z" && isContributor && decided) void work(takeBack(decided.number));
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <article
      ref={card}
      class="card finding"
      tabIndex={0}
      aria-label={label}
      data-testid="finding"
      data-ids={finding.ids.join(" ")}
      onKeyDown={act}
    >
      {isContributor && !decided && (
        <input
          type="checkbox"
          class="choose"
          checked={chosen.value.has(keyOf(finding))}
          aria-label={words.choose(label)}
          data-testid="choose-finding"
          onChange={(event) => choose([finding], event.currentTarget.checked)}
        />
      )}
      {children}
      <div class="row">
        {decided ? (
          <>
            <span class="note" data-testid="decision">
              <b>{called(decided.decision)}</b>, {decided.by}, {moment(decided.time)}
            </span>
            {isContributor && (
              <button disabled={busy} data-testid="take-back" onClick={() => void work(takeBack(decided.number))}>
                {words.takeBack} <kbd>z</kbd>
              </button>
            )}
          </>
        ) : (
          isContributor &&
          choices.map(({ decision, key }) => (
            <button
              key={decision}
              disabled={busy}
              title={words.meaning[decision]}
              data-testid={`decide-${decision}`}
              onClick={() => void work(decide(finding, decision))}
            >
              {called(decision)} <kbd>{key}</kbd>
            </button>
          ))
        )}
        {more}
      </div>
    </article>
  );
}
