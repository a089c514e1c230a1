/** Every job of the gallery: when, how long, by whom, what came of it, and what it told. */
import { jobs } from "../../jobs";
import { duration } from "../../ui/duration";
import { save } from "../../ui/files";
import { jobName } from "../../ui/JobCard";
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
  return (
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
  );
}
