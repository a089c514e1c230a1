/** What is told of schedules and backups. Pure. */
import type { Backup, Schedule } from "../../types";

/** Seconds since 1970, as a person here reads them. */
export const moment = (seconds: number): string =>
  new Date(seconds * 1000).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });

/** When a schedule's job was last, and what came of it. */
export const lastOf = ({ last, state }: Schedule): string =>
  last === null ? "not yet" : `${moment(last)}${state ? `: ${state}` : ""}`;

/** What is known of a backup. */
export function knownOf({ id, there, verified, sound }: Backup): string {
  if (!id) return "not complete";
  const found = verified === null ? "not verified yet" : `${sound ? "sound" : "damaged"}, ${moment(verified)}`;
  return there ? found : `${found}; no longer there`;
}
