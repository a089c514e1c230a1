/** How a training does while it goes on: loss and scores by step, each with its interval where it has one. */
import { fixed, messages } from "../../messages";
import type { TrainingPoint } from "../../types";
import { drawingsOf, type CurveDrawing } from "./curves";

const shown = (value: number): string => fixed(value, Math.abs(value) < 10 ? 3 : 1);

export function Curves({ points }: { points: readonly TrainingPoint[] }) {
  if (points.length === 0) return null;
  return (
    <div class="curves" data-testid="curves">
      {drawingsOf(points).map((drawing) => (
        <Curve key={drawing.measure} drawing={drawing} />
      ))}
    </div>
  );
}

function Curve({ drawing: { measure, lines, low, high, first, last } }: { drawing: CurveDrawing }) {
  const words = messages.value.adapt;
  const name = words.curve[measure] ?? measure;
  const told = lines.map(
    ({ run, best, bestAt, last }) => `${run && `${run}: `}${words.best(shown(best), bestAt, shown(last))}`,
  );
  return (
    <figure class="curve" data-testid={`curve-${measure}`}>
      <figcaption>{name}</figcaption>
      <div class="graph">
        <span class="numbers">{shown(high)}</span>
        <span class="numbers bottom">{shown(low)}</span>
        <svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label={`${name}. ${told.join("; ")}`}>
          {lines.map(({ run, band }, at) => band && <path key={run} class={`band run${at % 4}`} d={band} />)}
          {lines.map(({ run, line }, at) => (
            <path key={run} class={`line run${at % 4}`} d={line} />
          ))}
        </svg>
      </div>
      <div class="spread note numbers steps">
        <span>{first}</span>
        <span>{words.step}</span>
        <span>{last}</span>
      </div>
      <ul class="note">
        {lines.map(({ run }, at) => (
          <li key={run}>
            <svg class="key" aria-hidden="true" viewBox="0 0 20 4">
              <path class={`line run${at % 4}`} d="M0 2H20" />
            </svg>
            {told[at]}
          </li>
        ))}
      </ul>
    </figure>
  );
}
