/** How good is it, honestly: patients kept apart, intervals, chance, and the queries that fail. */
import { useEffect, useState } from "preact/hooks";
import { api } from "../../api";
import { ended, isTold, jobs, loadJobs } from "../../jobs";
import { clock, messages } from "../../messages";
import { asking, gallery, mayChange } from "../../state";
import type { Job } from "../../types";
import { JobCard } from "../../ui/JobCard";
import { sayProblem } from "../../ui/notice";
import { Audit } from "./Audit";
import { spaceTitle } from "../adapt/names";
import { startClassifier } from "./Confusion";
import { Jobs } from "./Jobs";
import { ReportView } from "./ReportView";
import { Runs } from "./Runs";
import { reportOf } from "./figures";

export function EvaluateView() {
  useEffect(() => void loadJobs(), []);
  const words = messages.value.evaluate;
  const evaluations = jobs.value.filter((job) => job.kind === "evaluate");
  const [chosen, setChosen] = useState<string | null>(null);
  const reports = evaluations.filter((job) => job.state === "done" && reportOf(job.result));
  const shown = reports.find((job) => job.id === chosen) ?? reports[0];
  const report = shown ? reportOf(shown.result) : null;
  return (
    <div class="sheet" data-testid="evaluate-view">
      <div class="columns">
        <Start onStart={setChosen} />
        <Audit />
      </div>
      {evaluations
        .filter((job) => job.state !== "done")
        .slice(0, 3)
        .map((job) => (
          <JobCard key={job.id} job={job} />
        ))}
      {reports.length > 1 && (
        <label class="row muted">
          {words.report}
          <select
            value={shown?.id}
            onChange={(event) => setChosen(event.currentTarget.value)}
            data-testid="report-choice"
          >
            {reports.map((job) => (
              <option key={job.id} value={job.id}>
                {titleOf(job)}
              </option>
            ))}
          </select>
        </label>
      )}
      {shown && <Runs shown={shown} reports={reports} title={titleOf} />}
      {report && shown && <ReportView report={report} job={shown.id} />}
      {isTold.value && evaluations.length === 0 && (
        <p class="muted">
          {words.nothingYet}
        </p>
      )}
      <Jobs />
    </div>
  );
}

function titleOf({ result, finished }: Job): string {
  const report = reportOf(result);
  return [report?.space, report && messages.value.audits.note(report.split).text, finished && clock(finished)]
    .filter(Boolean)
    .join(" · ");
}

function Start({ onStart }: { onStart: (id: string) => void }) {
  const words = messages.value.evaluate;
  const spaces = gallery.value?.spaces.filter((one) => one.answers) ?? [];
  const [space, setSpace] = useState(asking.value.space);
  const [folds, setFolds] = useState(5);
  const [seed, setSeed] = useState(0);
  const [by, setBy] = useState("");
  const [against, setAgainst] = useState("");
  const [busy, setBusy] = useState(false);
  const fields = (gallery.value?.fields ?? []).map((field) => field.name).filter((name) => name !== "label");
  const others = spaces.filter(({ name }) => name !== space);
  const learnt = spaces.filter(({ kind }) => kind === "adapter").map(({ name }) => name);
  const adapter = learnt.includes(space) || (against !== space && learnt.includes(against));
  const start = async (): Promise<void> => {
    setBusy(true);
    try {
      const job = await api.evaluate({
        space,
        folds: adapter || folds > 1 ? Math.max(2, folds) : null,
        seed,
        protocol: null,
        k: [1, 3, 5, 10],
        options: { ...(by && { by: [by] }), ...(against && against !== space && { against }) },
      });
      onStart(job.id);
      const done = await ended(job);
      // What the neighbours' vote answers is told with the report; an adapter is trained anew for it if somebody asks.
      if (!learnt.includes(space) && reportOf(done.result)?.confusion) await ended(await startClassifier(space, seed));
    } catch (error) {
      sayProblem(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <section class="card box stack" aria-label={words.title}>
      <h3>{words.title}</h3>
      <div class="row">
        <label class="field">
          {words.space}
          <select
            value={space}
            data-testid="evaluate-space"
            onChange={(event) => setSpace(event.currentTarget.value)}
          >
            {spaces.map((one) => (
              <option key={one.name} value={one.name}>
                {spaceTitle(one)}
              </option>
            ))}
          </select>
        </label>
        <label class="field">
          {words.folds}
          <input
            class="short"
            type="number"
            min={1}
            max={20}
            value={folds}
            data-testid="evaluate-folds"
            onChange={(event) => setFolds(Number(event.currentTarget.value) || 1)}
          />
        </label>
        <label class="field">
          {words.seed}
          <input
            class="short"
            type="number"
            min={0}
            value={seed}
            onChange={(event) => setSeed(Number(event.currentTarget.value) || 0)}
          />
        </label>
      </div>
      <div class="row">
        <Choice label={words.by} testid="evaluate-by" chosen={by} onChoose={setBy} names={fields} />
        <Choice
          label={words.against}
          testid="evaluate-against"
          chosen={against}
          onChoose={setAgainst}
          names={others.map(({ name }) => name)}
        />
      </div>
      <p class="note">
        {adapter ? words.adapterNote : folds > 1 ? words.foldsNote : words.allNote}
      </p>
      <button
        class="full"
        disabled={busy || !mayChange.value || !gallery.value?.labels.length}
        data-testid="evaluate-start"
        onClick={() => void start()}
      >
        {busy ? words.evaluating : words.start}
      </button>
      {gallery.value?.labels.length === 0 && (
        <p class="note" data-testid="nothing-to-evaluate">
          {gallery.value.records === 0 ? words.empty : words.noLabels}
        </p>
      )}
    </section>
  );
}

function Choice({
  label,
  testid,
  chosen,
  onChoose,
  names,
}: {
  label: string;
  testid: string;
  chosen: string;
  onChoose: (name: string) => void;
  names: string[];
}) {
  return (
    <label class="field">
      {label}
      <select value={chosen} data-testid={testid} onChange={(event) => onChoose(event.currentTarget.value)}>
        <option value="">{messages.value.evaluate.none}</option>
        {names.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
