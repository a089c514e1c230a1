/** Every job of the gallery: when, how long, by whom, what came of it, and what it told. */
import { useState } from "preact/hooks";
import { api } from "../../api";
import { jobs } from "../../jobs";
import { duration } from "../../ui/duration";
import { save } from "../../ui/files";
import { jobName } from "../../ui/JobCard";
import { sayProblem } from "../../ui/notice";
import type { Job } from "../../types";

const moment = (seconds: number | null): string => (seconds ? new Date(seconds * 1000).toLocaleString() : "–");

export function Jobs() {
  if (jobs.value.length === 0) return null;
  return (
    <details class="card box" data-testid="all-jobs">
      <summary>{`Jobs (the last ${jobs.value.length})`}</summary>
      <div class="scrolls">
        <table>
          <thead>
            <tr>
              <th>Job</th>
              <th>State</th>
              <th>Asked for</th>
              <th class="n">Waited</th>
              <th class="n">Took</th>
              <th>By</th>
              <th>What it told</th>
              <th>Log</th>
              <th>Result</th>
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
  const { created, started, finished, progress } = job;
  const told = job.error ?? progress.message;
  const [log, setLog] = useState<Log | null>(null);
  const open = (): void =>
    log ? setLog(null) : void api.job(job.id).then((found) => setLog(found.progress.log ?? []), sayProblem);
  return (
    <>
    <tr data-testid="job-row" data-kind={job.kind}>
      <td>{jobName(job.kind)}</td>
      <td>
        <span class={`state ${job.state}`}>{job.state}</span>
      </td>
      <td class="muted">{moment(created)}</td>
      <td class="n">{started ? duration(started - created) : "–"}</td>
      <td class="n">{started && finished ? duration(finished - started) : "–"}</td>
      <td>{job.owner}</td>
      <td>{told || (progress.total ? `${progress.done} of ${progress.total}` : "")}</td>
      <td>
        <button
          class="plain"
          aria-expanded={log !== null}
          aria-label={`Log of this job: ${jobName(job.kind)}, ${moment(created)}`}
          data-testid="job-log-open"
          onClick={open}
        >
          Log
        </button>
      </td>
      <td>
        {job.result && (
          <button
            class="plain"
            aria-label={`Save the result of this job: ${jobName(job.kind)}, ${moment(created)}`}
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
  if (log.length === 0) return <p class="note">Nothing is noted of it: it has not begun, or an earlier version did it.</p>;
  return (
    <ol class="note numbers" data-testid="job-log">
      {log.map(({ time, step, counts, warning }, at) => (
        <li key={at}>
          {new Date(time * 1000).toLocaleTimeString()} {warning ? "⚠ " : ""}
          {step}
          {Object.entries(counts).map(([name, count]) => `, ${name.replaceAll("_", " ")} ${count.toLocaleString("en")}`)}
        </li>
      ))}
    </ol>
  );
}
