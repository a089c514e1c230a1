/** The cohorts that there are: what has changed, split, export, remove. */
import { useEffect, useState } from "preact/hooks";
import { api } from "../../api";
import { ended } from "../../jobs";
import { messages, whole } from "../../messages";
import { asking, gallery, mayChange } from "../../state";
import type { Cohort, CohortShown, Job } from "../../types";
import { Dialog } from "../../ui/Dialog";
import { save } from "../../ui/files";
import { say, sayProblem } from "../../ui/notice";
import { whereOf } from "../../where";
import { SaveCohort } from "./SaveCohort";
import { moment } from "./told";

const FORMATS = ["folder", "csv", "parquet", "coco", "fiftyone", "monai", "kos"] as const;
type Format = (typeof FORMATS)[number];

export function Cohorts() {
  const words = messages.value.cohorts;
  const [items, setItems] = useState<readonly Cohort[] | null>(null);
  const load = (): Promise<void> => api.cohorts().then(({ items: found }) => setItems(found));
  useEffect(() => void load().catch(sayProblem), []);
  const where = whereOf(asking.value.filters, asking.value.own);
  return (
    <section class="stack" aria-label={words.title} data-testid="cohorts">
      <div class="row">
        <SaveCohort
          choice={where ? { where } : { every: true }}
          what={where ? words.filtered(where) : words.every}
          testid="save-filtered"
          onSaved={() => void load()}
        />
        <span class="note">{where ? words.filteredNote : words.everyNote}</span>
      </div>
      {items?.length === 0 && <p class="muted">{words.none}</p>}
      {items?.map((cohort) => <OneCohort key={cohort.name} cohort={cohort} onChange={() => void load()} />)}
    </section>
  );
}

function OneCohort({ cohort, onChange }: { cohort: Cohort; onChange: () => void }) {
  const words = messages.value.cohorts;
  const [shown, setShown] = useState<CohortShown | null>(null);
  const [format, setFormat] = useState<Format>("folder");
  const [busy, setBusy] = useState(false);
  const [leaving, setLeaving] = useState(false);
  const { name } = cohort;
  const does = async (work: () => Promise<void>): Promise<void> => {
    setBusy(true);
    await work().catch(sayProblem);
    setBusy(false);
  };
  const done = async (asked: Promise<Job>): Promise<Job> => {
    const job = await ended(await asked);
    if (job.error) say(job.error);
    return job;
  };
  const split = async (): Promise<void> => {
    await done(api.splitCohort(name, { sizes: [0.7, 0.15, 0.15] }));
    onChange();
  };
  const exported = async (): Promise<void> => {
    const job = await done(api.exportCohort(name, { format }));
    if (job.state === "done") save(await api.exported(job.id), `${name}.zip`, "application/zip");
  };
  const removed = async (): Promise<void> => {
    await api.removeCohort(name);
    onChange();
  };
  const again = async (): Promise<void> => {
    await api.saveCohort({ name });
    setShown(null);
    onChange();
  };
  const role = gallery.value?.role;
  const parts = Object.entries(cohort.parts).map(([part, count]) => `${part} ${whole(count)}`);
  return (
    <article class="card box stack" data-testid="cohort" data-name={name} aria-label={name}>
      <div class="spread">
        <strong>{name}</strong>
        <span class="note numbers">
          {words.version(cohort.version, moment(cohort.changed))}
        </span>
      </div>
      <p class="note">{cohort.definition}</p>
      <p data-testid="cohort-members">
        {messages.value.common.records(cohort.members)}
        {parts.length > 0 && `: ${parts.join(", ")}`}
      </p>
      {shown && <Changed shown={shown} />}
      <div class="row">
        <button
          disabled={busy}
          data-testid="cohort-look"
          onClick={() => void does(async () => setShown(await api.cohort(name)))}
        >
          {words.whatChanged}
        </button>
        {mayChange.value && (
          <>
            <button disabled={busy} data-testid="cohort-again" onClick={() => void does(again)}>
              {words.again}
            </button>
            <button disabled={busy} data-testid="cohort-split" onClick={() => void does(split)}>
              {words.split}
            </button>
          </>
        )}
        {role === "admin" && (
          <>
            <select
              aria-label={words.formatOf(name)}
              value={format}
              data-testid="cohort-format"
              onChange={(event) => setFormat(event.currentTarget.value as Format)}
            >
              {FORMATS.map((each) => (
                <option key={each}>{each}</option>
              ))}
            </select>
            <button disabled={busy} data-testid="cohort-export" onClick={() => void does(exported)}>
              {words.export}
            </button>
          </>
        )}
        {mayChange.value && (
          <button class="danger" disabled={busy} data-testid="cohort-remove" onClick={() => setLeaving(true)}>
            {words.remove}
          </button>
        )}
      </div>
      {leaving && (
        <Dialog title={words.removeTitle} onClose={() => setLeaving(false)} testid="cohort-leaves">
          <p>
            {words.goes(name, cohort.members)}
          </p>
          <footer>
            <button onClick={() => setLeaving(false)}>{messages.value.common.keep}</button>
            <button class="danger" disabled={busy} data-testid="cohort-goes" onClick={() => void does(removed)}>
              {words.removeIt}
            </button>
          </footer>
        </Dialog>
      )}
    </article>
  );
}

function Changed({ shown: { changes, note } }: { shown: CohortShown }) {
  if (!changes) return <p class="note">{note}</p>;
  const words = messages.value.cohorts;
  const { added, removed, relabelled, erased } = changes;
  const told = [
    added.length && words.added(added.length),
    removed.length && words.removed(removed.length),
    relabelled.length && words.relabelled(relabelled.length),
    erased && words.erased(erased),
  ].filter(Boolean);
  return (
    <p class="note" data-testid="cohort-changed">
      {told.length ? words.since(told.join(", ")) : words.same}
    </p>
  );
}
