/** What a reader needs in the corners and at the edges of a picture. Nothing of who was taken. */
import { fixed, messages } from "../../messages";
import { edgesOf, letterOf, type Point, type Turn } from "../../viewer/orientation";
import type { Grid, Pane } from "../../viewer/pane";

interface Props {
  pane: Pane;
  grid: Grid;
  turn: Turn;
  modality: string | null;
  zoom: number;
  inverted: boolean;
  cursor: Point | null;
}

export function Corners({ pane, grid, turn, modality, zoom, inverted, cursor }: Props) {
  const edges = grid.right && grid.down ? edgesOf(grid.right, grid.down, turn) : null;
  return (
    <>
      <ul class="corner upper" data-testid="corner-taken">
        {(pane.taken.length ? pane.taken : [modality ?? ""]).filter(Boolean).map((line) => <li key={line}>{line}</li>)}
      </ul>
      <ul class="corner upper right" data-testid="corner-grid">
        <li>{`${grid.columns} × ${grid.rows}`}</li>
        <li>{spacingWords(grid)}</li>
        {pane.slices > 1 && <li>{placeWords(grid)}</li>}
      </ul>
      {edges &&
        (["top", "right", "bottom", "left"] as const).map((side) => (
          <b key={side} class={`edge ${side}`} data-testid={`edge-${side}`}>
            {edges[side]}
          </b>
        ))}
      <ul class="corner lower">
        {!edges && <li>{messages.value.compare.noOrientation}</li>}
        <li data-testid="window-words">{windowWords(pane)}</li>
        {zoom !== 1 && <li>{messages.value.compare.zoom(fixed(zoom, 2))}</li>}
        {inverted && <li>{messages.value.compare.inverted}</li>}
      </ul>
      <ul class="corner lower right">
        {cursor && <li data-testid="value">{valueWords(pane, cursor)}</li>}
        <li>{pane.note || pane.drawnBy}</li>
      </ul>
    </>
  );
}

const round = (value: number): string => (Math.abs(value) >= 10 ? value.toFixed(0) : value.toPrecision(3).replace(".", messages.value.common.decimal));

function windowWords(pane: Pane): string {
  const [center, width] = pane.window();
  return messages.value.compare.window(round(center), round(width), pane.hounsfield);
}

function spacingWords({ spacing, between, atDetector }: Grid): string {
  if (!spacing) return messages.value.compare.noScale;
  const sides = [...spacing, ...(between ? [between] : [])].map((mm) => fixed(mm, 2));
  return `${sides.join(" × ")} mm${atDetector ? messages.value.compare.atDetector : ""}`;
}

function placeWords({ position, through }: Grid): string {
  if (position === null || !through) return "";
  const [letter] = letterOf(through);
  const axis = letter === "L" || letter === "R" ? "L" : letter === "P" || letter === "A" ? "P" : "H";
  return `${axis} ${fixed(position, 1)} mm`;
}

/** Under the pointer: the column, the row and the value there. */
export function valueWords(pane: Pane, [column, row]: Point): string {
  const words = messages.value.compare;
  const { columns, rows } = pane.grid();
  if (column < 0 || row < 0 || column >= columns || row >= rows) return words.outside;
  const at = `${Math.floor(column)}, ${Math.floor(row)}`;
  const value = pane.valueAt(column, row);
  if (value === null) return `${at} · ${words.noValue}`;
  const unit = pane.hounsfield ? " HU" : pane.drawnBy === "picture" ? words.asShown : "";
  return `${at} · ${String(Number(value.toPrecision(5))).replace(".", messages.value.common.decimal)}${unit}`;
}
