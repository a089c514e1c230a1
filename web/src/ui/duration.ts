/** A job's progress in words. Pure. */
import type { Job } from "../types";

/** Seconds as a person would say them. */
export function duration(seconds: number): string {
  if (seconds < 1) return "less than a second";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

const clock = (seconds: number): string => new Date(seconds * 1000).toLocaleString();

/** When a job was begun, how long it waited and ran, and for whom. */
export function timesOf({ created, started, finished, owner }: Job): string {
  return [
    `asked for ${clock(created)}${owner ? ` by ${owner}` : ""}`,
    started && started - created >= 1 ? `waited ${duration(started - created)}` : "",
    started && finished ? `took ${duration(finished - started)}` : "",
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
  if (state === "queued" || !started) return "waiting for its turn";
  if (!progress?.done) return `at work for ${duration(Math.max(0, Date.now() / 1000 - started))}`;
  const { done, total, rate, seconds_left: left, message } = progress;
  return [
    message,
    total ? `${done.toLocaleString("en")} of ${total.toLocaleString("en")}` : done ? done.toLocaleString("en") : "",
    rate ? `${rate >= 10 ? rate.toFixed(0) : rate.toFixed(1)} a second` : "",
    total && done >= total ? "finishing" : left !== null && left !== undefined ? `${duration(left)} left` : "",
  ]
    .filter(Boolean)
    .join(" · ");
}
