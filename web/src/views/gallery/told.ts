/** What is told of schedules and backups. Pure. */
import { messages } from "../../messages";
import type { Backup, Schedule } from "../../types";

/** Seconds since 1970, as a person here reads them. */
export const moment = (seconds: number): string =>
  new Date(seconds * 1000).toLocaleString(messages.value.common.dates, { dateStyle: "medium", timeStyle: "short" });

/** When a schedule's job was last, and what came of it. */
export const lastOf = ({ last, state }: Schedule): string =>
  last === null
    ? messages.value.operation.notYet
    : `${moment(last)}${state ? `: ${messages.value.jobs.state[state] ?? state}` : ""}`;

/** What is known of a backup. */
export function knownOf({ id, there, verified, sound }: Backup): string {
  const words = messages.value.operation;
  if (!id) return words.notComplete;
  const found = verified === null ? words.notVerified : `${sound ? words.sound : words.damaged}, ${moment(verified)}`;
  return there ? found : words.noLonger(found);
}
