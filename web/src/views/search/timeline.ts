/** Where things lie on a line of days, and in which row, so that none covers another. Pure. */
import { messages } from "../../messages";

export interface Spot {
  /** From the left, in pixels. */
  x: number;
  /** 0 is nearest to the axis. */
  row: number;
}

/** Round numbers of days, so that a line has at most about six marks. */
const STEPS = [1, 2, 7, 14, 30, 91, 182, 365, 730, 1826, 3652, 9131];
const MOST_MARKS = 6;

/** The centre of each day on a line of a width, with a margin of half a thing at its ends, and its row. */
export function spots(days: readonly number[], [first, last]: readonly [number, number], width: number, size: number): Spot[] {
  const room = Math.max(1, width - size);
  const x = (day: number): number => size / 2 + (last > first ? (day - first) / (last - first) : 0.5) * room;
  const ends: number[] = []; // of each row, where its last thing ends
  const found: Spot[] = new Array<Spot>(days.length);
  for (const at of [...days.keys()].sort((a, b) => days[a]! - days[b]!)) {
    const left = x(days[at]!) - size / 2;
    const free = ends.findIndex((end) => end <= left);
    const row = free < 0 ? ends.length : free;
    ends[row] = left + size;
    found[at] = { x: left + size / 2, row };
  }
  return found;
}

/** Days that the axis names: multiples of a round step. */
export function marks([first, last]: readonly [number, number]): number[] {
  const step = STEPS.find((one) => (last - first) / one < MOST_MARKS) ?? STEPS.at(-1)!;
  const found: number[] = [];
  for (let day = Math.ceil(first / step) * step; day <= last; day += step) found.push(day);
  return found;
}

/** A number of days as people say it. */
export function spanWords(days: number): string {
  const words = messages.value.search;
  const most = Math.abs(days);
  if (most < 60) return words.spanDays(most);
  return most < 730 ? words.spanMonths(Math.round(most / 30.44)) : words.spanYears(Math.round(most / 365.25));
}

/** When something was, seen from the query. */
export function sinceQuery(day: number, query: number | null): string {
  const words = messages.value.search;
  if (query === null) return words.day(day);
  if (day === query) return words.sameDay;
  return words.sinceQuery(spanWords(day - query), day < query);
}
