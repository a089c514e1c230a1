/** Records as tiles: a click selects, with Shift a range, a frame drawn around some selects these; arrows move. */
import { useComputed, useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { paths } from "../../api";
import { fixed, messages } from "../../messages";
import { factsOf, fileName } from "../../ui/facts";
import { Picture } from "../../ui/Picture";
import { type Frame, frameOf, meets, select, selection, selectTo, toggle } from "./selection";

export interface Shown {
  id: string;
  source: string;
  labels: readonly string[];
  attributes?: Parameters<typeof factsOf>[0];
  /** Of an order: what it goes by, and the label that the neighbours would rather give. */
  score?: number | null;
  says?: string;
}

const FAR = 6; // pixels: less is a click

export function Tiles({ records }: { records: readonly Shown[] }) {
  const grid = useRef<HTMLUListElement>(null);
  const frame = useSignal<Frame | null>(null);
  const start = useRef<{ x: number; y: number } | null>(null);
  const drawn = useRef(false);
  const ids = records.map((one) => one.id);

  const at = (event: PointerEvent): { x: number; y: number } => {
    const { left, top } = (grid.current as HTMLElement).getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };
  const pressed = (event: PointerEvent): void => {
    drawn.current = false;
    if (event.button === 0 && event.pointerType === "mouse") start.current = at(event);
  };
  const moved = (event: PointerEvent): void => {
    const [from, to] = [start.current, at(event)];
    if (!from || (!frame.peek() && Math.hypot(to.x - from.x, to.y - from.y) < FAR)) return;
    if (!frame.peek()) grid.current?.setPointerCapture(event.pointerId);
    drawn.current = true;
    frame.value = frameOf(from.x, from.y, to.x, to.y);
  };
  const released = (): void => {
    const around = frame.peek();
    start.current = frame.value = null;
    if (around) select(within(grid.current, around));
  };
  return (
    <div class="labelling">
      <ul
        ref={grid}
        class="tiles large"
        aria-label={messages.value.labels.records}
        onPointerDown={pressed}
        onPointerMove={moved}
        onPointerUp={released}
        onPointerCancel={() => (start.current = frame.value = null)}
        onKeyDown={(event) => arrow(event, grid.current)}
        onClickCapture={(event) => drawn.current && (event.stopPropagation(), (drawn.current = false))}
      >
        {records.map((record) => (
          <li key={record.id}>
            <Tile record={record} ids={ids} />
          </li>
        ))}
      </ul>
      <Band frame={frame} />
    </div>
  );
}

function Band({ frame }: { frame: { value: Frame | null } }) {
  const around = frame.value;
  if (!around) return null;
  const size = { width: `${around.right - around.left}px`, height: `${around.bottom - around.top}px` };
  return <div class="band" style={{ left: `${around.left}px`, top: `${around.top}px`, ...size }} />;
}

const tilesOf = (grid: HTMLElement | null): HTMLElement[] => [
  ...(grid?.querySelectorAll<HTMLElement>(".tile") ?? []),
];

/** The ids of the tiles that a frame, in pixels from the grid's corner, touches. */
function within(grid: HTMLElement | null, around: Frame): string[] {
  const corner = grid?.getBoundingClientRect() ?? { left: 0, top: 0 };
  const found = tilesOf(grid).filter((tile) => {
    const { left, top, right, bottom } = tile.getBoundingClientRect();
    const [x, y] = [corner.left, corner.top];
    return meets(around, { left: left - x, top: top - y, right: right - x, bottom: bottom - y });
  });
  return found.map((tile) => tile.dataset.id ?? "");
}

function arrow(event: KeyboardEvent, grid: HTMLElement | null): void {
  const tiles = tilesOf(grid);
  const at = tiles.indexOf(document.activeElement as HTMLElement);
  if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
  const columns = getComputedStyle(grid as HTMLElement).gridTemplateColumns.split(" ").length;
  const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
  const next = by === undefined ? undefined : tiles[at + by];
  if (!next) return;
  event.preventDefault();
  next.focus();
  if (event.shiftKey) select([tiles[at]?.dataset.id ?? "", next.dataset.id ?? ""]);
}

function Tile({ record, ids }: { record: Shown; ids: readonly string[] }) {
  const on = useComputed(() => selection.value.has(record.id)).value;
  const words = record.labels.join(", ") || messages.value.common.noLabel;
  const says = record.says ? messages.value.labels.says(record.says) : "";
  const score = typeof record.score === "number" ? fixed(record.score, 3) : "";
  const facts = record.attributes ? factsOf(record.attributes) : "";
  return (
    <button
      class={`tile ${on ? "on" : ""}`}
      aria-pressed={on}
      aria-label={[fileName(record.source), words, says].filter(Boolean).join(", ")}
      title={[facts, says, score].filter(Boolean).join(" · ")}
      data-testid="label-tile"
      data-id={record.id}
      onClick={(event) => (event.shiftKey ? selectTo(record.id, ids) : toggle(record.id))}
    >
      <Picture path={paths.thumbnail(record.id)} alt="" lazy />
      {score && <span class="over">{score}</span>}
      <span class="under">
        {words}
        {record.says && <b> → {record.says}</b>}
      </span>
    </button>
  );
}
