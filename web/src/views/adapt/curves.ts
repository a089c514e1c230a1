/** The points of a training as curves in a square of 100 by 100: one drawing a measure, one line a run. Pure. */
import type { TrainingPoint } from "../../types";

export interface CurveLine {
  run: string;
  /** A path through the values, and around the intervals; "" where none has one. */
  line: string;
  band: string;
  last: number;
  best: number;
  bestAt: number;
}

export interface CurveDrawing {
  measure: string;
  lines: CurveLine[];
  low: number;
  high: number;
  first: number;
  last: number;
}

const isLoss = (measure: string): boolean => measure === "loss";

export function drawingsOf(points: readonly TrainingPoint[]): CurveDrawing[] {
  return [...grouped(points, (point) => point.measure)].map(([measure, own]) => {
    const values = own.flatMap(({ value, low, high }) => [value, low ?? value, high ?? value]);
    const steps = own.map(({ step }) => step);
    const scale = {
      measure,
      low: Math.min(...values),
      high: Math.max(...values),
      first: Math.min(...steps),
      last: Math.max(...steps),
    };
    const lines = [...grouped(own, (point) => point.run)].map(([run, points]) => lineOf(run, points, scale));
    return { ...scale, lines };
  });
}

type Scale = Omit<CurveDrawing, "lines">;

function lineOf(run: string, points: readonly TrainingPoint[], scale: Scale): CurveLine {
  const best = points.reduce((a, b) => ((isLoss(scale.measure) ? b.value < a.value : b.value > a.value) ? b : a));
  const place = (step: number, value: number): string =>
    `${share(step, scale.first, scale.last)} ${round(100 - share(value, scale.low, scale.high))}`;
  const sure = points.filter((point) => point.low != null && point.high != null);
  const around = [
    ...sure.map((point) => place(point.step, point.high ?? point.value)),
    ...sure.map((point) => place(point.step, point.low ?? point.value)).reverse(),
  ];
  return {
    run,
    line: `M${points.map((point) => place(point.step, point.value)).join("L")}${points.length === 1 ? "h0" : ""}`,
    band: sure.length > 1 ? `M${around.join("L")}Z` : "",
    last: points.at(-1)?.value ?? 0,
    best: best.value,
    bestAt: best.step,
  };
}

const round = (value: number): number => Math.round(value * 100) / 100;
const share = (value: number, low: number, high: number): number =>
  high > low ? round(((value - low) / (high - low)) * 100) : 50;

function grouped<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
}
