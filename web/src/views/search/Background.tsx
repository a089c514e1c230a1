import { fixed, messages } from "../../messages";
import type { SearchResult } from "../../types";

/** The gallery's own background of cosines, and where the best hit stands against it. */

interface Props {
  background: NonNullable<SearchResult["background"]>;
  best: number | null;
}

const [WIDTH, HEIGHT, FOOT] = [286, 60, 14];

export function Background({ background: { edges = [], counts = [] }, best }: Props) {
  const words = messages.value.search;
  const low = edges[0] ?? -1;
  const high = Math.max(edges.at(-1) ?? 1, best ?? -1);
  const most = Math.max(1, ...counts);
  const x = (value: number): number => ((value - low) / (high - low || 1)) * WIDTH;
  const at = best === null ? null : Math.max(1, Math.min(WIDTH - 1, x(best)));
  return (
    <svg
      class="background"
      viewBox={`0 0 ${WIDTH} ${HEIGHT + FOOT}`}
      width="100%"
      role="img"
      aria-label={words.background(fixed(low, 2), fixed(high, 2), best === null ? "?" : fixed(best, 3))}
    >
      {counts.map((count, bin) => {
        const [left, right] = [x(edges[bin] ?? 0), x(edges[bin + 1] ?? 0)];
        const height = (count / most) * (HEIGHT - 8);
        return (
          <rect
            key={bin}
            x={left + 0.5}
            y={HEIGHT - height}
            width={Math.max(0.5, right - left - 1)}
            height={height}
          />
        );
      })}
      {at !== null && <line x1={at} x2={at} y1={2} y2={HEIGHT} />}
      {at !== null && (
        <text
          class="best"
          x={at > WIDTH * 0.7 ? at - 5 : at + 5}
          y={11}
          text-anchor={at > WIDTH * 0.7 ? "end" : "start"}
        >
          {words.bestHit}
        </text>
      )}
      <text x={0} y={HEIGHT + 11}>
        {fixed(low, 2)}
      </text>
      <text x={WIDTH / 2} y={HEIGHT + 11} text-anchor="middle">
        {words.backgroundCosine}
      </text>
      <text x={WIDTH} y={HEIGHT + 11} text-anchor="end">
        {fixed(high, 2)}
      </text>
    </svg>
  );
}
