/** A space of one's own: a small network trained on the gallery's labels, on top of the frozen encoder. */
import { Trash2 } from "lucide-preact";
import { useEffect, useState } from "preact/hooks";
import { api } from "../../api";
import { ended, jobs, loadJobs } from "../../jobs";
import { messages, whole } from "../../messages";
import { facets, refresh } from "../../search";
import { ask, asking, gallery, go } from "../../state";
import { Dialog } from "../../ui/Dialog";
import { encoderWords } from "../../ui/encoder";
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
  const words = messages.value.adapt;
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
          accepted ? words.accepted(name) : words.notSurely(name),
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
    <section class="card box stack" aria-label={words.train}>
      <h3>{words.train}</h3>
      <p class="note">
        {words.what} {encoderWords()}
      </p>
      <label class="field">
        {words.alike}
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
      <div class="lines" aria-label={words.learnFrom}>
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
            <Bar share={count / most} label={`${value} ${whole(count)}`} />
            <em>{whole(count)}</em>
            <small />
          </label>
        ))}
        {labels.length === 0 && gallery.value?.labels.length === 0 && (
          <p class="muted">
            {words.noLabels}{" "}
            <button class="plain" onClick={() => go("labels")}>
              {words.labelSome}
            </button>
          </p>
        )}
      </div>
      <label class="field">
        {words.name}
        <input
          value={name}
          spellcheck={false}
          data-testid="adapt-name"
          onInput={(event) => setWritten(event.currentTarget.value)}
        />
      </label>
      {!isSpaceName(name) && <p class="note">{words.nameRule}</p>}
      {isSpaceName(name) && spaces.includes(name) && (
        <p class="note" data-testid="name-taken">
          {words.nameTaken}
        </p>
      )}
      <Segments label={words.kind} options={KINDS} chosen={kind} onChoose={setKind} testid="adapt-kind" />
      <button
        class="full"
        disabled={busy || reader || !isSpaceName(name) || labels.length === 0}
        data-testid="adapt-start"
        onClick={() => (spaces.includes(name) ? setReplacing(true) : void start(false))}
      >
        {busy ? words.training : words.start}
      </button>
      {reader && <p class="note">{words.noTrainer}</p>}
      {replacing && (
        <Dialog
          title={words.replace(name)}
          onClose={() => setReplacing(false)}
          testid="replace-space"
        >
          <p class="note">
            {words.replaceWhat}
          </p>
          <footer>
            <button onClick={() => setReplacing(false)}>{words.keepIt}</button>
            <button class="danger" data-testid="replace-confirm" onClick={() => void start(true)}>
              {words.replaceIt}
            </button>
          </footer>
        </Dialog>
      )}
    </section>
  );
}

const BASE = "base";

function Spaces() {
  const words = messages.value.adapt;
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
    <section class="card box stack" aria-label={words.spaces}>
      <h3>{words.spaces}</h3>
      <ul class="lines">
        {gallery.value?.spaces.map((one) => (
          <li class="spread" key={one.name} data-testid="space-row" data-space={one.name}>
            <span>{spaceTitle(one)}</span>
            {one.kind !== "base" && gallery.value?.role === "admin" && (
              <button class="plain" aria-label={words.deleteOf(one.name)} onClick={() => setLeaving(one.name)}>
                <Trash2 aria-hidden="true" />
              </button>
            )}
          </li>
        ))}
      </ul>
      <p class="note">{words.switchNote}</p>
      {leaving && (
        <Dialog title={words.deleteAsk(leaving)} onClose={() => setLeaving(null)}>
          <p class="note">
            {words.deleteWhat}
          </p>
          <footer>
            <button onClick={() => setLeaving(null)}>{messages.value.common.keep}</button>
            <button class="danger" onClick={() => void remove(leaving)}>
              {words.delete}
            </button>
          </footer>
        </Dialog>
      )}
    </section>
  );
}
