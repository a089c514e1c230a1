/** Where things lie on a line of days, and in which row, so that none covers another. Pure. */

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

const plural = (number: number, one: string): string => `${number} ${one}${number === 1 ? "" : "s"}`;

/** A number of days as people say it. */
export function spanWords(days: number): string {
  const most = Math.abs(days);
  if (most < 60) return plural(most, "day");
  return most < 730 ? plural(Math.round(most / 30.44), "month") : plural(Math.round(most / 365.25), "year");
}

/** When something was, seen from the query. */
export function sinceQuery(day: number, query: number | null): string {
  if (query === null) return `day ${day}`;
  if (day === query) return "the query's day";
  return `${spanWords(day - query)} ${day < query ? "before" : "after"} the query`;
}
