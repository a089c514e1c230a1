/** A score with its 95 % interval: as words, and as a place on a line from 0 to 1. */
import { messages } from "../../messages";
import { percent, type Measured } from "./figures";

interface FigureProps {
  of: Measured | null;
  written?: typeof percent;
  unit?: string;
}

export function Figure({ of, written = percent, unit = "" }: FigureProps) {
  if (!of) return <>–</>;
  const [low, high] = of.interval ?? [null, null];
  return (
    <>
      {`${written(of.value)}${unit}`}
      {low !== null && high !== null && (
        <span class="note">
          {" "}
          {written(low)}–{written(high)}
        </span>
      )}
    </>
  );
}

/** A share as a place along the bar, with room for half a dot at either end. */
const at = (share: number): string => `${2 + share * 96}%`;

export function Intervals({ base, adapted, chance }: { base: Measured | null; adapted: Measured; chance: number | null }) {
  const bar = (of: Measured | null, y: number, kind: string) =>
    of?.value == null ? null : (
      <>
        {of.interval?.[0] != null && of.interval[1] != null && (
          <line class={kind} x1={at(of.interval[0])} x2={at(of.interval[1])} y1={y} y2={y} />
        )}
        <circle class={kind} cx={at(of.value)} cy={y} r={3.5} />
      </>
    );
  return (
    <svg
      class="measure"
      role="img"
      aria-label={messages.value.evaluate.interval(base ? percent(base.value) : null, percent(adapted.value))}
    >
      <line class="axis" x1={at(0)} x2={at(1)} y1={13} y2={13} />
      {chance !== null && <line class="chance" x1={at(chance)} x2={at(chance)} y1={2} y2={24} />}
      {bar(base, 8, "base")}
      {bar(adapted, base ? 18 : 13, "adapted")}
    </svg>
  );
}
