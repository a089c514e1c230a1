/** A job at work: how far, how fast, how long still, and how to stop it. */
import { X } from "lucide-preact";
import type { ComponentChildren } from "preact";
import { cancel, isRunning } from "../jobs";
import type { Job } from "../types";
import { progressWords, shareOf, timesOf } from "./duration";
import { sayProblem } from "./notice";
import { Bar, BusyBar } from "./small";

const NAMES: Record<string, string> = {
  index: "Adding images",
  adapt: "Training an adapter",
  tune: "Tuning the encoder",
  duplicates: "Search for duplicates",
  metadata: "Audit of metadata",
  outliers: "Audit of outliers",
  quality: "Audit of quality",
  drift: "Audit of drift",
  migrate: "Change of the encoder",
  evaluate: "Evaluation",
  map: "Drawing the map",
  audit: "Audit of confounds",
  export: "Export of a cohort",
  split: "Split of a cohort",
  pull: "Pull from the PACS",
  backup: "Backup",
  verify: "Verification of a backup",
  remind: "Look at what was trained",
};
export const jobName = (kind: string): string => NAMES[kind] ?? kind;

export function JobCard({ job, children }: { job: Job; children?: ComponentChildren }) {
  const share = shareOf(job);
  return (
    <article class="card job" data-testid="job" data-kind={job.kind} data-state={job.state} data-id={job.id}>
      <div class="spread">
        <strong>{jobName(job.kind)}</strong>
        <span class="row">
          <span class={`state ${job.state}`}>{job.state}</span>
          {isRunning(job) && (
            <button class="plain" data-testid="cancel-job" onClick={() => cancel(job.id).catch(sayProblem)}>
              <X aria-hidden="true" />
              Cancel
            </button>
          )}
        </span>
      </div>
      {isRunning(job) && (
        <div class="progress">
          {share === null ? <BusyBar /> : <Bar share={share} label={`${Math.round(share * 100)} % done`} />}
          <span class="note numbers" data-testid="job-progress">
            {progressWords(job)}
          </span>
        </div>
      )}
      {job.error && (
        <p class="alert" data-testid="job-error">
          {job.error}
        </p>
      )}
      {children}
      <p class="note numbers" data-testid="job-times">
        {timesOf(job)}
      </p>
    </article>
  );
}
