/** The cohorts that there are: what has changed, split, export, remove. */
import { useEffect, useState } from "preact/hooks";
import { api } from "../../api";
import { ended } from "../../jobs";
import { asking, gallery } from "../../state";
import type { Cohort, CohortShown, Job } from "../../types";
import { Dialog } from "../../ui/Dialog";
import { save } from "../../ui/files";
import { say, sayProblem } from "../../ui/notice";
import { counted } from "../../ui/small";
import { whereOf } from "../../where";
import { SaveCohort } from "./SaveCohort";
import { moment } from "./told";

const FORMATS = ["folder", "csv", "parquet", "coco", "fiftyone", "monai", "kos"] as const;
type Format = (typeof FORMATS)[number];

export function Cohorts() {
  const [items, setItems] = useState<readonly Cohort[] | null>(null);
  const load = (): Promise<void> => api.cohorts().then(({ items: found }) => setItems(found));
  useEffect(() => void load().catch(sayProblem), []);
  const where = whereOf(asking.value.filters, asking.value.own);
  return (
    <section class="stack" aria-label="Cohorts" data-testid="cohorts">
      <div class="row">
        <SaveCohort
          choice={where ? { where } : { every: true }}
          what={where ? `The records for which this holds: ${where}` : "Every record of the gallery."}
          testid="save-filtered"
          onSaved={() => void load()}
        />
        <span class="note">{where ? "what the search’s filters leave" : "every record; filters of the search narrow it"}</span>
      </div>
      {items?.length === 0 && <p class="muted">No cohort is saved yet.</p>}
      {items?.map((cohort) => <OneCohort key={cohort.name} cohort={cohort} onChange={() => void load()} />)}
    </section>
  );
}

function OneCohort({ cohort, onChange }: { cohort: Cohort; onChange: () => void }) {
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
  const parts = Object.entries(cohort.parts).map(([part, count]) => `${part} ${count}`);
  return (
    <article class="card box stack" data-testid="cohort" data-name={name} aria-label={name}>
      <div class="spread">
        <strong>{name}</strong>
        <span class="note numbers">
          version {cohort.version}, {moment(cohort.changed)}
        </span>
      </div>
      <p class="note">{cohort.definition}</p>
      <p data-testid="cohort-members">
        {counted(cohort.members, "record")}
        {parts.length > 0 && `: ${parts.join(", ")}`}
      </p>
      {shown && <Changed shown={shown} />}
      <div class="row">
        <button
          disabled={busy}
          data-testid="cohort-look"
          onClick={() => void does(async () => setShown(await api.cohort(name)))}
        >
          What has changed?
        </button>
        {role !== "reader" && (
          <>
            <button disabled={busy} data-testid="cohort-again" onClick={() => void does(again)}>
              Evaluate again
            </button>
            <button disabled={busy} data-testid="cohort-split" onClick={() => void does(split)}>
              Split 70 / 15 / 15
            </button>
          </>
        )}
        {role === "admin" && (
          <>
            <select
              aria-label={`Format of ${name}`}
              value={format}
              data-testid="cohort-format"
              onChange={(event) => setFormat(event.currentTarget.value as Format)}
            >
              {FORMATS.map((each) => (
                <option key={each}>{each}</option>
              ))}
            </select>
            <button disabled={busy} data-testid="cohort-export" onClick={() => void does(exported)}>
              Export
            </button>
          </>
        )}
        {role !== "reader" && (
          <button class="danger" disabled={busy} data-testid="cohort-remove" onClick={() => setLeaving(true)}>
            Remove…
          </button>
        )}
      </div>
      {leaving && (
        <Dialog title="Remove the cohort" onClose={() => setLeaving(false)} testid="cohort-leaves">
          <p>
            “{name}” goes, with its definition and its split. Its {counted(cohort.members, "record")} stay in the
            gallery.
          </p>
          <footer>
            <button onClick={() => setLeaving(false)}>Keep</button>
            <button class="danger" disabled={busy} data-testid="cohort-goes" onClick={() => void does(removed)}>
              Remove
            </button>
          </footer>
        </Dialog>
      )}
    </article>
  );
}

function Changed({ shown: { changes, note } }: { shown: CohortShown }) {
  if (!changes) return <p class="note">{note}</p>;
  const { added, removed, relabelled, erased } = changes;
  const told = [
    added.length && `${added.length} added`,
    removed.length && `${removed.length} removed`,
    relabelled.length && `${relabelled.length} with other labels`,
    erased && `${erased} erased`,
  ].filter(Boolean);
  return (
    <p class="note" data-testid="cohort-changed">
      {told.length ? `Since it was saved: ${told.join(", ")}.` : "The same members with the same labels as were saved."}
    </p>
  );
}
