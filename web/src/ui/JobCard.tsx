/** A job at work: how far, how fast, how long still, and how to stop it. */
import { X } from "lucide-preact";
import type { ComponentChildren } from "preact";
import { cancel, isRunning } from "../jobs";
import { messages } from "../messages";
import type { Job } from "../types";
import { FromServer } from "./FromServer";
import { progressWords, shareOf, timesOf } from "./duration";
import { sayProblem } from "./notice";
import { Bar, BusyBar } from "./small";

export const jobName = (kind: string): string => messages.value.jobs.kind[kind] ?? kind;

export function JobCard({ job, children }: { job: Job; children?: ComponentChildren }) {
  const share = shareOf(job);
  return (
    <article class="card job" data-testid="job" data-kind={job.kind} data-state={job.state} data-id={job.id}>
      <div class="spread">
        <strong>{jobName(job.kind)}</strong>
        <span class="row">
          <span class={`state ${job.state}`}>{messages.value.jobs.state[job.state] ?? job.state}</span>
          {isRunning(job) && (
            <button class="plain" data-testid="cancel-job" onClick={() => cancel(job.id).catch(sayProblem)}>
              <X aria-hidden="true" />
              {messages.value.common.cancel}
            </button>
          )}
        </span>
      </div>
      {isRunning(job) && (
        <div class="progress">
          {share === null ? <BusyBar /> : <Bar share={share} label={messages.value.jobs.share(Math.round(share * 100))} />}
          <span class="note numbers" data-testid="job-progress">
            {progressWords(job)}
          </span>
        </div>
      )}
      {job.error && (
        <p class="alert" data-testid="job-error">
          <FromServer said={messages.value.audits.note(job.error)} />
        </p>
      )}
      {children}
      <p class="note numbers" data-testid="job-times">
        {timesOf(job)}
      </p>
    </article>
  );
}
