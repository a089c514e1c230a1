/** Jobs of the server, asked for while any of them runs. */
import { computed, signal } from "@preact/signals";
import { api } from "./api";
import type { Job } from "./types";

const EVERY = 1000; // ms

export const isRunning = (job: Job): boolean => job.state === "queued" || job.state === "running";

export const jobs = signal<Job[]>([]);
/** Whether the server has told them: until then nobody knows that there are none. */
export const isTold = signal(false);
export const running = computed(() => jobs.value.filter(isRunning));

const waiting = new Map<string, (job: Job) => void>();
let timer = 0;

/** Kinds that tell curves while they train. */
const TOLD = ["adapt", "tune"];

/** A listing tells neither results nor curves; what a job has come to does not change any more, so it is asked once. */
async function whole(job: Job): Promise<Job> {
  if (job.state === "running" && TOLD.includes(job.kind)) return api.job(job.id);
  if (job.state !== "done") return job;
  const known = jobs.value.find((one) => one.id === job.id && one.result);
  return known ?? api.job(job.id);
}

export async function loadJobs(): Promise<void> {
  clearTimeout(timer);
  try {
    const found = await Promise.all((await api.jobs()).items.map(whole));
    jobs.value = found;
    isTold.value = true;
    for (const job of found) {
      if (isRunning(job)) continue;
      const told = waiting.get(job.id);
      waiting.delete(job.id);
      told?.(job);
    }
  } catch {
    // The server may be gone for a moment: jobs live in its store, so they are asked for again.
  }
  if (running.value.length > 0 || waiting.size > 0) timer = window.setTimeout(() => void loadJobs(), EVERY);
}

/** Resolves when the job has ended, whichever way. */
export function ended(job: Job): Promise<Job> {
  return new Promise((resolve) => {
    waiting.set(job.id, resolve);
    void loadJobs();
  });
}

export async function cancel(id: string): Promise<void> {
  await api.cancel(id);
  await loadJobs();
}
