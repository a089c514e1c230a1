/** A space of one's own: a small network trained on the gallery's labels, on top of the frozen encoder. */
import { Trash2 } from "lucide-preact";
import { useEffect, useState } from "preact/hooks";
import { api } from "../../api";
import { ended, jobs, loadJobs } from "../../jobs";
import { facets, refresh } from "../../search";
import { ask, asking, gallery, go } from "../../state";
import { Dialog } from "../../ui/Dialog";
import { JobCard } from "../../ui/JobCard";
import { say, sayProblem } from "../../ui/notice";
import { Bar, Segments } from "../../ui/small";
import { freeName, isSpaceName, spaceTitle, stemOf } from "./names";
import { trainedBy, Training } from "./Trained";
import { Tune } from "./Tune";

const KINDS = ["mlp", "auto", "linear", "lda", "svm"] as const;

export function AdaptView() {
  useEffect(() => void loadJobs(), []);
  const trainings = jobs.value.filter((job) => job.kind === "adapt" || job.kind === "tune");
  return (
    <div class="sheet" data-testid="adapt-view">
      <div class="columns">
        <Train />
        <div class="stack">
          <Spaces />
          <Tune />
        </div>
      </div>
      {trainings.map((job) => (
        <JobCard key={job.id} job={job}>
          <Training job={job} />
        </JobCard>
      ))}
    </div>
  );
}

const SHOWN = 12;

/** The values that are told apart after one was pressed; none stands for all of them. */
function toggled(chosen: readonly string[], value: string, all: readonly { value: string }[]): readonly string[] {
  const before = chosen.length ? chosen : all.map((one) => one.value);
  const after = before.includes(value) ? before.filter((one) => one !== value) : [...before, value];
  return after.length === all.length ? [] : after;
}

function Train() {
  const [written, setWritten] = useState<string | null>(null);
  const [replacing, setReplacing] = useState(false);
  const [kind, setKind] = useState<(typeof KINDS)[number]>("mlp");
  const [busy, setBusy] = useState(false);
  const [field, setField] = useState("label");
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const fields = facets.value.filter((facet) => facet.field === "label" || facet.values.length > 1);
  const labels = facets.value.find((facet) => facet.field === field)?.values ?? [];
  const most = Math.max(1, ...labels.map((one) => one.count));
  const reader = gallery.value?.role === "reader";
  const spaces = gallery.value?.spaces.map((one) => one.name) ?? [];
  const name = written ?? freeName(spaces, field === "label" ? "findings" : stemOf(field));
  const start = async (replace: boolean): Promise<void> => {
    [setReplacing(false), setBusy(true)];
    try {
      const job = await ended(await api.adapt({ name, kind, replace, field, labels: [...chosen] }));
      if (job.state === "done") {
        const accepted = trainedBy(job)?.accepted ?? false;
        say(
          accepted
            ? `The space “${name}” is there. Search in it, and evaluate it before trusting it.`
            : `The space “${name}” is there, not surely better than base on its own records: base stays chosen.`,
        );
        ask({ space: accepted ? name : BASE });
        setWritten(null);
      }
      await refresh();
    } catch (error) {
      sayProblem(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <section class="card box stack" aria-label="Train an adapter">
      <h3>Train an adapter</h3>
      <p class="note">
        It learns to bring records together of which the field says the same. The encoder itself stays as it is:{" "}
        {gallery.value?.encoder.note}
      </p>
      <label class="field">
        What makes two images alike
        <select
          value={field}
          data-testid="adapt-field"
          onChange={(event) => (setField(event.currentTarget.value), setChosen([]))}
        >
          {fields.map((facet) => (
            <option key={facet.field} value={facet.field}>
              {facet.field}
            </option>
          ))}
        </select>
      </label>
      <div class="lines" aria-label="Labels to learn from">
        {labels.slice(0, SHOWN).map(({ value, count }) => (
          <label class="vote" key={value}>
            <span title={value}>
              <input
                type="checkbox"
                checked={chosen.length === 0 || chosen.includes(value)}
                data-testid={`adapt-label-${value}`}
                onChange={() => setChosen(toggled(chosen, value, labels))}
              />{" "}
              {value}
            </span>
            <Bar share={count / most} label={`${value} ${count}`} />
            <em>{count}</em>
            <small />
          </label>
        ))}
        {labels.length === 0 && (
          <p class="muted">
            No record bears a label yet.{" "}
            <button class="plain" onClick={() => go("labels")}>
              Label some
            </button>
          </p>
        )}
      </div>
      <label class="field">
        Name of the new space
        <input
          value={name}
          spellcheck={false}
          data-testid="adapt-name"
          onInput={(event) => setWritten(event.currentTarget.value)}
        />
      </label>
      {!isSpaceName(name) && <p class="note">Letters, digits, - and _; 64 at most; not “base”.</p>}
      {isSpaceName(name) && spaces.includes(name) && (
        <p class="note" data-testid="name-taken">
          There is a space of this name: you will be asked before it is replaced.
        </p>
      )}
      <Segments label="Kind of adapter" options={KINDS} chosen={kind} onChoose={setKind} testid="adapt-kind" />
      <button
        class="full"
        disabled={busy || reader || !isSpaceName(name) || labels.length === 0}
        data-testid="adapt-start"
        onClick={() => (spaces.includes(name) ? setReplacing(true) : void start(false))}
      >
        {busy ? "Training…" : "Train"}
      </button>
      {reader && <p class="note">This key may read; training needs a contributor's key.</p>}
      {replacing && (
        <Dialog
          title={`Replace the space “${name}”?`}
          onClose={() => setReplacing(false)}
          testid="replace-space"
        >
          <p class="note">
            Its adapter is trained anew from today's labels. What was found or measured in it before can no longer be
            repeated. Another name keeps both.
          </p>
          <footer>
            <button onClick={() => setReplacing(false)}>Keep it</button>
            <button class="danger" data-testid="replace-confirm" onClick={() => void start(true)}>
              Replace it
            </button>
          </footer>
        </Dialog>
      )}
    </section>
  );
}

const BASE = "base";

function Spaces() {
  const [leaving, setLeaving] = useState<string | null>(null);
  const remove = async (name: string): Promise<void> => {
    try {
      await api.deleteSpace(name);
      if (asking.value.space === name) ask({ space: "base" });
      setLeaving(null);
      await refresh();
    } catch (error) {
      sayProblem(error);
    }
  };
  return (
    <section class="card box stack" aria-label="Spaces">
      <h3>Spaces</h3>
      <ul class="lines">
        {gallery.value?.spaces.map((one) => (
          <li class="spread" key={one.name} data-testid="space-row" data-space={one.name}>
            <span>{spaceTitle(one)}</span>
            {one.kind !== "base" && gallery.value?.role === "admin" && (
              <button class="plain" aria-label={`Delete the space ${one.name}`} onClick={() => setLeaving(one.name)}>
                <Trash2 aria-hidden="true" />
              </button>
            )}
          </li>
        ))}
      </ul>
      <p class="note">A search in another space re-ranks at once; the switch stands left of the hits.</p>
      {leaving && (
        <Dialog title={`Delete the space “${leaving}”?`} onClose={() => setLeaving(null)}>
          <p class="note">
            The adapter and its vectors go. Records, labels and the base space stay; it can be trained again.
          </p>
          <footer>
            <button onClick={() => setLeaving(null)}>Keep</button>
            <button class="danger" onClick={() => void remove(leaving)}>
              Delete the space
            </button>
          </footer>
        </Dialog>
      )}
    </section>
  );
}
