/** What a training notes of itself, which its type leaves open: the inner folds, and the kinds that were tried. Pure. */
import type { AdaptResult, Interval } from "../../types";

export interface InnerFigures {
  folds: number;
  records: number;
  patients: number;
  base: number;
  adapter: number;
  chance: number;
  gain: [value: number, low: number, high: number];
  p: number | null;
  head: Record<string, { value: number | null; interval: Interval }>;
}

export interface TriedKind {
  kind: string;
  precision: number;
  interval: Interval;
  behind: number;
  chosen: boolean;
}

type Training = AdaptResult["training"];

export function innerOf(training: Training): InnerFigures | null {
  const found = training["inner_folds"] as Partial<InnerFigures> | null | undefined;
  if (!found || found.base === undefined || !found.gain) return null;
  return { p: null, head: {}, patients: 0, ...found } as InnerFigures;
}

/** What the comparison says. */
export type Verdict = "better" | "worse" | "chance" | "unsure" | "zero";

export function verdictOf({ gain, adapter, chance }: InnerFigures, isAccepted: boolean): Verdict {
  if (isAccepted) return "better";
  if (gain[0] < 0) return "worse";
  if (adapter <= chance) return "chance";
  return gain[1] > 0 ? "unsure" : "zero";
}

export function triedOf(training: Training): TriedKind[] {
  const tried = (training["tried"] ?? {}) as Record<string, { precision: number; interval: Interval; behind: number[] }>;
  return Object.entries(tried).map(([kind, { precision, interval, behind }]) => ({
    kind,
    precision,
    interval,
    behind: behind[0] ?? 0,
    chosen: kind === training["chosen"],
  }));
}
