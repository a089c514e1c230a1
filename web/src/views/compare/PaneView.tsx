/** One pane: the viewer with what stands over it, and its slices. */
import { useEffect, useRef, useState } from "preact/hooks";
import { Problem } from "../../api";
import { messages } from "../../messages";
import type { Explained } from "../../types";
import type { Glowing } from "../../viewer/glow";
import { wordsOf } from "../../viewer/measure";
import { axesOf, type Turn } from "../../viewer/orientation";
import { openPane, type Subject } from "../../viewer/open";
import type { Pane } from "../../viewer/pane";
import type { Name, Panes } from "./compared";
import { BoxBar } from "./BoxBar";
import { Corners } from "./Corners";
import { useGestures } from "./gestures";
import { Glow } from "./Glow";
import { Over } from "./Over";
import { Planes } from "./Planes";
import type { Tools } from "./tools";

interface Props {
  name: Name;
  title: string;
  about: string;
  subject: Subject | null;
  absent: boolean;
  panes: Panes;
  tools: Tools;
  heat: Explained | null;
  glowing: Glowing;
  /** Of volumes the two other planes as well. */
  planes: boolean;
}

export function PaneView({ name, title, about, subject, absent, panes, tools, heat, glowing, planes }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const says = messages.value.compare;
  const [words, setWords] = useState(says.opening);
  const pane = panes.panes[name] ?? null;
  const [point, setCross] = useState<readonly [number, number] | null>(null);
  const showsPlanes = planes && (pane?.slices ?? 1) > 1;
  const gestures = useGestures(name, pane, panes, tools, (at) => showsPlanes && setCross(at));

  useEffect(() => {
    if (!subject || !place.current) return;
    const abort = new AbortController();
    let mine: Pane | null = null;
    openPane(place.current, subject, setWords, abort.signal).then(
      (opened) => (abort.signal.aborted ? opened.dispose() : (panes.opened(name, (mine = opened)), setWords(""))),
      (error: Error) => abort.signal.aborted || setWords(troubleOf(error)),
    );
    return () => (abort.abort(), mine && (panes.closed(name), mine.dispose()));
  }, [subject]);
  useEffect(() => setCross(null), [pane]);
  useEffect(() => {
    if (!pane || !place.current) return;
    const watch = new ResizeObserver(() => pane.resize());
    watch.observe(place.current);
    return () => watch.disconnect();
  }, [pane]);

  const slice = pane?.slice() ?? 0;
  const grid = pane?.grid() ?? null;
  const turn = panes.turns[name];
  const matching = panes.matching[name];
  const cross = point ?? [Math.floor((grid?.columns ?? 0) / 2), Math.floor((grid?.rows ?? 0) / 2)];
  const solid = tools.solids[name];
  const going = tools.drawing;
  const drawing = going?.name === name && going.slice === slice ? going.points : [];
  const elsewhere = heat?.slice != null && pane && pane.slices > 1 && heat.slice !== slice ? heat.slice : null;
  return (
    <article
      class="card pane"
      data-testid={`pane-${name}`}
      data-drawn-by={pane?.drawnBy ?? ""}
      data-slice={pane ? slice : ""}
    >
      <header>
        <strong>{title}</strong>
        <span title={about}>{about}</span>
        <span class="push hint">{says.hint((pane?.slices ?? 1) > 1)}</span>
      </header>
      <div class={`screens ${grid && showsPlanes ? "three" : ""}`}>
        <div
          class={`screen ${tools.tool === "window" ? "" : "drawing"}`}
          tabIndex={0}
          role="application"
          data-testid={`screen-${name}`}
          aria-label={labelOf(title, tools)}
          {...gestures.on}
        >
          {/* Viewers take their size when they open: not before that is it turned. */}
          <div class={`turned ${pane && turn.quarters % 2 ? "quarter" : ""}`} style={pane ? { transform: turnOf(turn) } : {}}>
            <div ref={place} class="drawn" />
            {heat && pane && elsewhere === null && (
              <Glow explained={heat} glowing={glowing} pane={pane} first={panes.first(name)} />
            )}
            {pane && grid && (
              <Over
                pane={pane}
                grid={grid}
                turn={turn}
                marks={tools.marks[name]}
                drawing={drawing}
                kind={tools.tool === "window" || panes.active !== name ? null : tools.tool}
                cursor={gestures.cursor}
                crosshair={showsPlanes ? [cross[0] + 0.5, cross[1] + 0.5] : null}
                solid={solid}
              />
            )}
          </div>
          {absent ? (
            <p class="wait">{says.noQueryPicture}</p>
          ) : (
            words && <p class="wait working">{words}</p>
          )}
          {pane && grid && (
            <Corners
              pane={pane}
              grid={grid}
              turn={turn}
              modality={subject?.modality ?? null}
              zoom={panes.view.zoom}
              inverted={panes.inverted[name]}
              cursor={gestures.cursor}
            />
          )}
        </div>
        {pane && grid && showsPlanes && (
          <Planes
            pane={pane}
            name={name}
            grid={grid}
            cross={[...cross, slice]}
            dark={panes.inverted[name]}
            solid={solid}
            onCross={([column, row, at]) => {
              setCross([column, row]);
              if (at !== slice) void panes.toSlice(name, at);
            }}
          />
        )}
      </div>
      {grid && tools.marks[name].length > 0 && (
        <ul class="chips marks" aria-label={says.measuresOn(title)} aria-live="polite" data-testid={`marks-${name}`}>
          {tools.marks[name].map((mark, at) => (
            <li key={at}>
              <button class="chip" onClick={() => void panes.toSlice(name, mark.slice)}>
                {wordsOf(mark, grid)}
                {pane!.slices > 1 && says.onSlice(mark.slice + 1)}
              </button>
            </li>
          ))}
        </ul>
      )}
      {subject && solid && (
        <BoxBar name={name} solid={solid} subject={subject} onSolid={(next) => tools.setSolid(name, next)} />
      )}
      {elsewhere !== null && (
        <button class="plain elsewhere" data-testid={`heat-elsewhere-${name}`} onClick={() => void panes.toSlice(name, elsewhere)}>
          {says.elsewhere(elsewhere + 1)}
        </button>
      )}
      {pane && pane.slices > 1 && (
        <label class="scroll">
          <span data-testid={`slice-words-${name}`}>
            {messages.value.common.sliceOf(slice + 1, pane.slices)} {says.plane[subject?.plane ?? ""] ?? subject?.plane}
            {matching === slice ? ` · ${says.matching}` : ""}
          </span>
          <input
            type="range"
            min={0}
            max={pane.slices - 1}
            value={slice}
            data-testid={`slice-${name}`}
            onInput={(event) => void panes.toSlice(name, Number(event.currentTarget.value))}
          />
        </label>
      )}
    </article>
  );
}

const troubleOf = (error: Error): string =>
  error instanceof Problem && error.reason === "not-found"
    ? messages.peek().compare.noRecord
    : error.message;

function labelOf(title: string, { tool }: Tools): string {
  if (tool !== "window") return messages.value.compare.toolKeys(title);
  return messages.value.compare.windowKeys(title);
}

function turnOf(turn: Turn): string {
  const [right, down] = axesOf(turn);
  return `translate(-50%, -50%) matrix(${[...right, ...down].join(", ")}, 0, 0)`;
}
