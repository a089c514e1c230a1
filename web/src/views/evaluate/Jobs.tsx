/** Every job of the gallery: when, how long, by whom, what came of it, and what it told. */
import { useState } from "preact/hooks";
import { api } from "../../api";
import { jobs } from "../../jobs";
import { clock, messages, whole } from "../../messages";
import { FromServer } from "../../ui/FromServer";
import { duration } from "../../ui/duration";
import { save } from "../../ui/files";
import { jobName } from "../../ui/JobCard";
import { sayProblem } from "../../ui/notice";
import type { Job } from "../../types";

const moment = (seconds: number | null): string => (seconds ? clock(seconds) : "–");

export function Jobs() {
  const words = messages.value.evaluate;
  if (jobs.value.length === 0) return null;
  return (
    <details class="card box" data-testid="all-jobs">
      <summary>{words.jobs(jobs.value.length)}</summary>
      <div class="scrolls">
        <table>
          <thead>
            <tr>
              <th>{words.job}</th>
              <th>{words.state}</th>
              <th>{words.askedFor}</th>
              <th class="n">{words.waited}</th>
              <th class="n">{words.took}</th>
              <th>{words.owner}</th>
              <th>{words.told}</th>
              <th>{words.log}</th>
              <th>{words.result}</th>
            </tr>
          </thead>
          <tbody>
            {jobs.value.map((job) => (
              <Row key={job.id} job={job} />
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

function Row({ job }: { job: Job }) {
  const { evaluate: words, jobs: says } = messages.value;
  const { created, started, finished, progress } = job;
  const told = messages.value.audits.note(job.error ?? progress.message ?? "").text;
  const [log, setLog] = useState<Log | null>(null);
  const open = (): void =>
    log ? setLog(null) : void api.job(job.id).then((found) => setLog(found.progress.log ?? []), sayProblem);
  return (
    <>
    <tr data-testid="job-row" data-kind={job.kind}>
      <td>{jobName(job.kind)}</td>
      <td>
        <span class={`state ${job.state}`}>{says.state[job.state] ?? job.state}</span>
      </td>
      <td class="muted">{moment(created)}</td>
      <td class="n">{started ? duration(started - created) : "–"}</td>
      <td class="n">{started && finished ? duration(finished - started) : "–"}</td>
      <td>{job.owner}</td>
      <td>{told || (progress.total ? says.of(String(progress.done), String(progress.total)) : "")}</td>
      <td>
        <button
          class="plain"
          aria-expanded={log !== null}
          aria-label={words.logOf(jobName(job.kind), moment(created))}
          data-testid="job-log-open"
          onClick={open}
        >
          {words.log}
        </button>
      </td>
      <td>
        {job.result && (
          <button
            class="plain"
            aria-label={words.saveOf(jobName(job.kind), moment(created))}
            onClick={() => save(JSON.stringify(job, null, 2), `lookalike-${job.kind}-${job.id}.json`)}
          >
            JSON
          </button>
        )}
      </td>
    </tr>
    {log && (
      <tr>
        <td colSpan={9}>
          <Steps log={log} />
        </td>
      </tr>
    )}
    </>
  );
}

type Log = NonNullable<Job["progress"]["log"]>;

/** What a job did, step by step. */
function Steps({ log }: { log: Log }) {
  if (log.length === 0) return <p class="note">{messages.value.evaluate.nothingNoted}</p>;
  return (
    <ol class="note numbers" data-testid="job-log">
      {log.map(({ time, step, counts, warning }, at) => (
        <li key={at}>
          {new Date(time * 1000).toLocaleTimeString(messages.value.common.dates)} {warning ? "⚠ " : ""}
          <FromServer said={messages.value.audits.step(step)} />
          {Object.entries(counts).map(([name, count]) => (
            <span key={name}>
              , <FromServer said={messages.value.audits.counted(name)} /> {whole(count)}
            </span>
          ))}
        </li>
      ))}
    </ol>
  );
}
