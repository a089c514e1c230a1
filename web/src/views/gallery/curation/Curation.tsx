/** An audit and what it found, to be decided: start it, look, decide, look again at what was decided. */
import { useEffect, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { ended, jobs, loadJobs } from "../../../jobs";
import { messages } from "../../../messages";
import { mayChange } from "../../../state";
import type { Job } from "../../../types";
import { FromServer } from "../../../ui/FromServer";
import { JobCard } from "../../../ui/JobCard";
import { sayProblem } from "../../../ui/notice";
import { Switch } from "../../../ui/small";
import type { Choice } from "./Card";
import { type Audit, decisionOf, type Finding, isGone, loadDecisions } from "./decided";
import { Marked } from "./Marked";
import { Sure, type Sureness } from "./Sure";
import { Together } from "./Together";

const PAGE = 50;
const ORDERS = ["found", "high", "low"] as const;
type Order = (typeof ORDERS)[number];

interface Found<T> {
  items: readonly T[];
  notes: readonly string[];
  sure?: readonly Sureness[];
}

interface Props<T> {
  audit: Audit;
  start: () => Promise<Job>;
  /** What stands beside the button that starts it. */
  options?: ComponentChildren;
  isReady?: boolean;
  found: (result: NonNullable<Job["result"]>) => Found<T> | null;
  findingOf: (item: T) => Finding;
  /** How sure, or how far: by it the list is ordered. */
  scoreOf: (item: T) => number;
  choicesOf: (item: T) => readonly Choice[];
  card: (item: T) => ComponentChildren;
}

export function Curation<T>({ audit, start, options, isReady = true, found, findingOf, scoreOf, choicesOf, card }: Props<T>) {
  const [order, setOrder] = useState<Order>("found");
  const [all, setAll] = useState(false);
  const [most, setMost] = useState(PAGE);
  const [busy, setBusy] = useState(false);
  const words = messages.value.curation;
  useEffect(() => void Promise.all([loadJobs(), loadDecisions()]).catch(sayProblem), []);
  const last = jobs.value.find((job) => job.kind === audit);
  const done = jobs.value.find((job) => job.kind === audit && job.state === "done" && job.result);
  const told = done?.result ? found(done.result) : null;
  const there = (told?.items ?? []).filter((item) => !isGone(findingOf(item)));
  const open = there.filter((item) => !decisionOf(findingOf(item)));
  const listed = all ? there : open;
  const by = order === "high" ? -1 : 1;
  const shown = order === "found" ? listed : listed.toSorted((a, b) => by * (scoreOf(a) - scoreOf(b)));
  const choices = new Map(shown.slice(0, most).map((item) => [findingOf(item), choicesOf(item)]));
  const ask = async (): Promise<void> => {
    setBusy(true);
    try {
      await ended(await start());
      await loadDecisions();
    } catch (error) {
      sayProblem(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <section class="stack" aria-label={words.name[audit]} data-testid={`curate-${audit}`}>
      <p class="note">{words.about[audit]}</p>
      <div class="row">
        {options}
        {mayChange.value && (
          <button class="full" disabled={busy || !isReady} data-testid="audit-start" onClick={() => void ask()}>
            {busy ? words.looking : words.look}
          </button>
        )}
        {told && <OrderChoice order={order} onChoose={setOrder} />}
        {told && <Switch label={words.showDecided} on={all} onChange={setAll} testid="show-decided" />}
      </div>
      {last && last !== done && <JobCard job={last} />}
      {!told && !busy && <p class="muted">{words.notYet}</p>}
      {told && (
        <p data-testid="findings-told" role="status">
          {words.left(open.length, there.length - open.length)}
        </p>
      )}
      <Marked />
      {mayChange.value && <Together choices={choices} />}
      {shown.length > 0 && <p class="note">{words.keys}</p>}
      <div class={`findings ${audit}`}>{shown.slice(0, most).map(card)}</div>
      {shown.length > most && <button onClick={() => setMost(most + PAGE)}>{words.more(shown.length - most)}</button>}
      {told?.sure && <Sure audit={audit} rows={told.sure} />}
      {told?.notes.map((note) => (
        <p class="note" key={note}>
          <FromServer said={messages.value.audits.note(note)} />
        </p>
      ))}
    </section>
  );
}

function OrderChoice({ order, onChoose }: { order: Order; onChoose: (order: Order) => void }) {
  const words = messages.value.curation;
  return (
    <label class="row">
      {words.order}
      <select value={order} data-testid="findings-order" onChange={(event) => onChoose(event.currentTarget.value as Order)}>
        {ORDERS.map((each) => (
          <option key={each} value={each}>
            {words.orders[each]}
          </option>
        ))}
      </select>
    </label>
  );
}
