/** A job's progress in words. Pure. */
import type { Job } from "../types";

/** Seconds as a person would say them. */
function duration(seconds: number): string {
  if (seconds < 1) return "less than a second";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

export function progressWords({ state, started, progress }: Job): string {
  if (state === "queued" || !started) return "waiting for its turn";
  if (!progress?.done) return `at work for ${duration(Math.max(0, Date.now() / 1000 - started))}`;
  const { done, total, rate, seconds_left: left, message } = progress;
  return [
    message,
    total ? `${done.toLocaleString("en")} of ${total.toLocaleString("en")}` : done ? done.toLocaleString("en") : "",
    rate ? `${rate >= 10 ? rate.toFixed(0) : rate.toFixed(1)} a second` : "",
    left !== null && left !== undefined ? `${duration(left)} left` : "",
  ]
    .filter(Boolean)
    .join(" · ");
}
