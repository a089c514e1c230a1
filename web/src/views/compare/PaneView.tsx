/** One pane with its gestures: drag windows, wheel scrolls, keys do both. */
import { useEffect, useRef, useState } from "preact/hooks";
import { Problem } from "../../api";
import type { Explained } from "../../types";
import { dragged, type Pane, type Window } from "../../viewer/pane";
import { openPane, type Subject } from "../../viewer/open";
import { Glow } from "./Glow";

interface Props {
  name: string;
  title: string;
  about: string;
  subject: Subject | null;
  absent: boolean;
  pane: Pane | null;
  matching: number | null;
  heat: Explained | null;
  onOpen: (pane: Pane) => void;
  onSlice: (slice: number) => void;
  onWindow: (window: Window) => void;
  onZoom: (by: number) => void;
  onMove: (right: number, down: number) => void;
}

export function PaneView(props: Props) {
  const { name, title, about, subject, absent, pane, matching, heat } = props;
  const screen = useRef<HTMLDivElement>(null);
  const place = useRef<HTMLDivElement>(null);
  const drag = useRef<{ x: number; y: number; window: Window } | null>(null);
  const [words, setWords] = useState("opening");

  useEffect(() => {
    if (!subject || !place.current) return;
    const abort = new AbortController();
    let mine: Pane | null = null;
    openPane(place.current, subject, setWords, abort.signal).then(
      (opened) => (abort.signal.aborted ? opened.dispose() : (props.onOpen((mine = opened)), setWords(""))),
      (error: Error) => abort.signal.aborted || setWords(troubleOf(error)),
    );
    return () => (abort.abort(), mine?.dispose());
  }, [subject]);
  useEffect(() => {
    if (!pane || !screen.current) return;
    const watch = new ResizeObserver(() => pane.resize());
    watch.observe(screen.current);
    return () => watch.disconnect();
  }, [pane]);

  const down = (event: PointerEvent): void => {
    if (!pane || event.button !== 0) return;
    screen.current!.setPointerCapture(event.pointerId);
    drag.current = { x: event.clientX, y: event.clientY, window: pane.window() };
  };
  const move = (event: PointerEvent): void => {
    if (!drag.current || !screen.current) return;
    const { clientWidth: width, clientHeight: height } = screen.current;
    const [right, below] = [(event.clientX - drag.current.x) / width, (event.clientY - drag.current.y) / height];
    if (event.shiftKey) {
      props.onMove(event.movementX / width, event.movementY / height);
    } else props.onWindow(dragged(drag.current.window, right, below));
  };
  const wheel = (event: WheelEvent): void => {
    event.preventDefault();
    if (event.ctrlKey || !pane || pane.slices < 2) props.onZoom(event.deltaY < 0 ? 1.12 : 1 / 1.12);
    else props.onSlice(pane.slice() + Math.sign(event.deltaY));
  };
  const press = (event: KeyboardEvent): void => {
    if (!pane) return;
    const [center, width] = pane.window();
    const acts: Record<string, () => void> = {
      ArrowUp: () => props.onSlice(pane.slice() + 1),
      ArrowDown: () => props.onSlice(pane.slice() - 1),
      PageUp: () => props.onSlice(pane.slice() + 10),
      PageDown: () => props.onSlice(pane.slice() - 10),
      ArrowLeft: () => props.onWindow([center, width * 1.1]),
      ArrowRight: () => props.onWindow([center, width / 1.1]),
    };
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  };
  const slice = pane?.slice() ?? 0;
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
      </header>
      <div
        ref={screen}
        class="screen"
        tabIndex={0}
        role="img"
        data-testid={`screen-${name}`}
        aria-label={`${title}. Up and down arrows scroll slices, left and right change the window`}
        onPointerDown={down}
        onPointerMove={move}
        onPointerUp={() => (drag.current = null)}
        onPointerCancel={() => (drag.current = null)}
        onWheel={wheel}
        onKeyDown={press}
      >
        <div ref={place} class="drawn" />
        {heat && pane && (elsewhere === null ? <Glow explained={heat} pane={pane} /> : null)}
        {absent ? (
          <p class="wait">The query is words; there is no picture to stand beside.</p>
        ) : (
          words && <p class="wait working">{words}</p>
        )}
        {pane && <Told pane={pane} />}
      </div>
      {elsewhere !== null && (
        <button class="plain elsewhere" data-testid={`heat-elsewhere-${name}`} onClick={() => props.onSlice(elsewhere)}>
          What matched lies on slice {elsewhere + 1}: show it
        </button>
      )}
      {pane && pane.slices > 1 && (
        <label class="scroll">
          <span data-testid={`slice-words-${name}`}>
            Slice {slice + 1} of {pane.slices} {subject?.plane}
            {matching === slice ? " · matching" : ""}
          </span>
          <input
            type="range"
            min={0}
            max={pane.slices - 1}
            value={slice}
            data-testid={`slice-${name}`}
            onInput={(event) => props.onSlice(Number(event.currentTarget.value))}
          />
        </label>
      )}
    </article>
  );
}

const troubleOf = (error: Error): string =>
  error instanceof Problem && error.reason === "not-found"
    ? "This record is not in the gallery: it was removed, or the link belongs to another one."
    : error.message;

function Told({ pane }: { pane: Pane }) {
  const [center, width] = pane.window();
  const round = (value: number): string => (Math.abs(value) >= 10 ? value.toFixed(0) : value.toPrecision(3));
  return (
    <div class="say">
      <span data-testid="window-words">{`C ${round(center)}  W ${round(width)}${pane.hounsfield ? " HU" : ""}`}</span>
      <span>{pane.note || pane.drawnBy}</span>
    </div>
  );
}
