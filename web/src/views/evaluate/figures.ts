/** Figures of a report as rows: one a class, baseline beside adapter, each with its interval. Pure. */
import { fixed, messages } from "../../messages";
import type { ClassifierReport, Figures, Interval, Report } from "../../types";

export interface Measured {
  value: number | null;
  interval: Interval | null;
}

interface Row {
  name: string;
  size: number | null;
  adapted: Measured;
  base: Measured | null;
}

/** A job's result as a report, or null where it is none (volume protocols report otherwise). */
export function reportOf(result: unknown): Report | null {
  const found = (result as { report?: unknown } | null)?.report ?? result;
  return typeof found === "object" && found !== null && "per_class" in found && "audit" in found
    ? (found as Report)
    : null;
}

/** A job's result as the scores of a classifier, or null where it is none. */
export function classifierOf(result: unknown): ClassifierReport | null {
  return typeof result === "object" && result !== null && "methods" in result ? (result as ClassifierReport) : null;
}

export const depths = (report: Report): string[] => Object.keys(report.micro);

export const measuredAt = (
  figures: Figures | undefined,
  intervals: Record<string, Interval> | undefined,
  depth: string,
): Measured => ({
  value: figures?.[depth] ?? null,
  interval: intervals?.[depth] ?? null,
});

export function rowsOf(report: Report, depth: string): Row[] {
  const { intervals, baseline, class_sizes: sizes } = report;
  const classes = Object.keys(report.per_class).map((name): Row => ({
    name,
    size: sizes[name] ?? null,
    adapted: measuredAt(report.per_class[name], intervals.per_class_intervals[name], depth),
    base: baseline && measuredAt(baseline.per_class[name], baseline.per_class_intervals[name], depth),
  }));
  const all = (name: string, kind: "micro" | "macro"): Row => ({
    name,
    size: kind === "micro" ? report.queries : null,
    adapted: measuredAt(report[kind], intervals[`${kind}_intervals`], depth),
    base: baseline && measuredAt(baseline[kind], baseline[`${kind}_intervals`], depth),
  });
  return [...classes, all(messages.value.evaluate.micro, "micro"), all(messages.value.evaluate.macro, "macro")];
}

export const percent = (value: number | null | undefined): string =>
  value === null || value === undefined ? "–" : fixed(value * 100, 1);

/** What the gain means, as a sentence; null without a baseline. */
export function gainSentence(report: Report, depth: string): string | null {
  const gain = report.gain[depth];
  if (!report.baseline || !gain || gain[0] === null) return null;
  const [value, low, high] = gain;
  const words = messages.value.evaluate;
  const points = words.points(`${value >= 0 ? "+" : ""}${percent(value)}`);
  if (low === null || high === null) return words.changes(depth, points);
  const range = words.range(percent(low), percent(high));
  if (low > 0) return words.better(depth, points, range);
  if (high < 0) return words.worse(depth, points, range);
  return words.noDifference(depth, points, range);
}

/** What an audit of confounds warns of, in sentences. */
export function warningsOf(result: unknown): string[] {
  const { warnings } = (result ?? {}) as { warnings?: unknown };
  return Array.isArray(warnings) ? warnings.filter((one): one is string => typeof one === "string") : [];
}
