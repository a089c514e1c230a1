/** What is drawn on a picture: measures, a box to search for, the crosshair and the cursor. */
import { useRef } from "preact/hooks";
import { wordsOf, type Mark } from "../../viewer/measure";
import { axesOf, type Point, type Turn } from "../../viewer/orientation";
import type { Grid, Pane } from "../../viewer/pane";
import { useFollow } from "./follow";
import type { Solid } from "./tools";

interface Props {
  pane: Pane;
  grid: Grid;
  turn: Turn;
  marks: readonly Mark[];
  /** What is being drawn: its points so far, and where the cursor is. */
  drawing: readonly Point[];
  kind: "length" | "angle" | "box" | null;
  cursor: Point | null;
  crosshair: Point | null;
  solid: Solid | null;
}

export function Over({ pane, grid, turn, marks, drawing, kind, cursor, crosshair, solid }: Props) {
  const layer = useRef<HTMLDivElement>(null);
  useFollow(layer, pane);
  const slice = pane.slice();
  const here = marks.filter((mark) => mark.slice === slice);
  const going = drawing.length && cursor ? [...drawing, cursor] : drawing;
  const { columns, rows } = grid;
  return (
    <div ref={layer} class="over" aria-hidden="true">
      <svg viewBox={`0 0 ${columns || 1} ${rows || 1}`} preserveAspectRatio="none">
        {crosshair && <path class="cross" d={`M${crosshair[0]} 0V${rows}M0 ${crosshair[1]}H${columns}`} />}
        {here.map((mark, at) => <polyline key={at} points={lineOf(mark.points)} />)}
        {kind === "box" && going.length === 2 ? (
          <polyline class="box-line" points={lineOf(cornersOf(going[0]!, going[1]!))} />
        ) : (
          going.length > 1 && <polyline points={lineOf(going)} />
        )}
        {solid && slice >= solid.from && slice <= solid.to && (
          <polyline class="box-line" data-testid="solid" points={lineOf(cornersOf(
            [solid.box[0] * columns, solid.box[1] * rows], [solid.box[2] * columns, solid.box[3] * rows]))} />
        )}
      </svg>
      {[...here.flatMap((mark) => mark.points), ...drawing].map((point, at) => (
        <i key={at} class="dot" style={placeOf(point, grid)} />
      ))}
      {kind && cursor && <i class="cursor" style={placeOf(cursor, grid)} />}
      {here.map((mark, at) => (
        <b key={at} style={{ ...placeOf(mark.points.at(-1)!, grid), transform: upright(turn) }}>
          <span>{wordsOf(mark, grid)}</span>
        </b>
      ))}
    </div>
  );
}

const lineOf = (points: readonly Point[]): string => points.map((point) => point.join(",")).join(" ");
const cornersOf = ([ax, ay]: Point, [bx, by]: Point): Point[] => [[ax, ay], [bx, ay], [bx, by], [ax, by], [ax, ay]];
const placeOf = ([x, y]: Point, { columns, rows }: Grid) => ({
  left: `${(x / (columns || 1)) * 100}%`,
  top: `${(y / (rows || 1)) * 100}%`,
});

/** Words stay upright while the picture below them turns: the turn the other way round. */
function upright(turn: Turn): string {
  const [right, down] = axesOf(turn);
  return `matrix(${right[0]}, ${down[0]}, ${right[1]}, ${down[1]}, 0, 0)`;
}
