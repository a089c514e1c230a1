/** A job's progress in words. Pure. */
import { clock, fixed, messages, whole } from "../messages";
import type { Job } from "../types";

/** Seconds as a person would say them. */
export function duration(seconds: number): string {
  if (seconds < 1) return messages.value.jobs.lessThanSecond;
  if (seconds < 90) return `${Math.round(seconds)}\u00a0s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)}\u00a0min`;
  return `${fixed(seconds / 3600, 1)}\u00a0h`;
}

/** When a job was begun, how long it waited and ran, and for whom. */
export function timesOf({ created, started, finished, owner }: Job): string {
  const words = messages.value.jobs;
  return [
    words.asked(clock(created), owner ?? ""),
    started && started - created >= 1 ? words.waited(duration(started - created)) : "",
    started && finished ? words.took(duration(finished - started)) : "",
  ]
    .filter(Boolean)
    .join(" · ");
}

/** How much is done, 0..1; null while nobody can tell: the work has no parts, has begun none, or is past the last. */
export function shareOf({ progress }: Job): number | null {
  const { done = 0, total = 0 } = progress ?? {};
  return done > 0 && total && done < total ? done / total : null;
}

export function progressWords({ state, started, progress }: Job): string {
  const words = messages.value.jobs;
  if (state === "queued" || !started) return words.queued;
  const elapsed = words.atWork(duration(Math.max(0, Date.now() / 1000 - started)));
  if (!progress?.done) return elapsed;
  const { done, total, rate, seconds_left: left, message } = progress;
  return [
    message,
    total ? words.of(whole(done), whole(total)) : done ? whole(done) : "",
    rate ? words.rate(fixed(rate, rate >= 10 ? 0 : 1)) : "",
    elapsed,
    total && done >= total ? words.finishing : left !== null && left !== undefined ? words.left(duration(left)) : "",
  ]
    .filter(Boolean)
    .join(" · ");
}
