/** The parts of a report as rows. Pure. */
import { fixed, messages } from "../../messages";
import type { Report } from "../../types";
import { measuredAt, type Measured } from "./figures";

export interface PartRow {
  name: string;
  queries: number;
  macro: Measured;
  micro: Measured;
  chance: number | null;
}

type Scores = Report["intervals"];
type Chance = Report["chance"];

const row = (name: string, queries: number, scores: Scores, chance: Chance, depth: string): PartRow => ({
  name,
  queries,
  macro: measuredAt(scores.macro, scores.macro_intervals, depth),
  micro: measuredAt(scores.micro, scores.micro_intervals, depth),
  chance: chance["macro"] ?? null,
});

export const levelRows = (report: Report, depth: string): PartRow[] =>
  report.levels.map(({ level, queries, scores, chance }) => row(level, queries, scores, chance, depth));

export const subgroupRows = (field: Report["subgroups"][number], depth: string): PartRow[] =>
  Object.entries(field.groups).map(([value, { queries, scores, chance }]) => row(value, queries, scores, chance, depth));

export const sizeRows = (report: Report, depth: string): PartRow[] =>
  report.sizes.map(({ records, unscored, scores, chance }) =>
    row(String(Math.round(records)), report.queries - unscored, scores, chance, depth),
  );

/** The other space's score and the difference, macro and micro. */
export const differencesOf = ({ comparison }: Report, depth: string) =>
  (["macro", "micro"] as const).flatMap((mean) => {
    const gap = comparison?.[mean][depth];
    const scores = comparison?.scores;
    return gap && scores ? [{ mean, gap, other: measuredAt(scores[mean], scores[`${mean}_intervals`], depth) }] : [];
  });

export const points = (value: number | null | undefined): string =>
  value === null || value === undefined ? "–" : fixed(value * 100, 1);

export const pOf = (p: number | null | undefined): string =>
  p === null || p === undefined ? "–" : p < 0.001 ? `<${messages.value.common.decimal}001` : fixed(p, 3);
