/** The points: drag draws a lasso, the wheel zooms, Shift and drag moves, a click tells one record. */
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { faded } from "../../map/colours";
import { centroid, fitted, toMap, toScreen, type Point } from "../../map/geometry";
import { caught, gridOf, nearest, type Grid } from "../../map/grid";
import { idOf, rowOf, type Points } from "../../map/points";
import { makeScatter, type Camera, type Scatter } from "../../map/scatter";
import { messages } from "../../messages";
import { hits } from "../../search";
import { asking } from "../../state";
import type { MapGroup } from "../../types";
import { theme } from "../../ui/theme";
import { Names } from "./Names";
import { Pictures } from "./Pictures";
import { Under } from "./Under";

const GROUND = { dark: [14, 17, 20], light: [245, 247, 248] } as const; // --bg of either theme
const NEAR = 12; // pixels
const LEAST = 3; // corners of a lasso
const NEAREST_HITS = 5; // their middle is where an outside query falls
const [STEP, ZOOM] = [0.15, 1.18]; // of a key: a part of the plot; of the wheel and of a key: by how much

interface Props {
  points: Points;
  shades: Uint32Array;
  taken: ArrayLike<number>;
  onTake: (rows: ArrayLike<number>) => void;
  groups: readonly MapGroup[];
  named: boolean;
  pictured: boolean;
  children: ComponentChildren;
}

export function Plot({ points, shades, taken, onTake, groups, named, pictured, children }: Props) {
  const block = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const scatter = useRef<Scatter | null>(null);
  const [camera, setCamera] = useState<Camera | null>(null);
  const [lasso, setLasso] = useState<readonly Point[]>([]);
  const moving = useRef(false);
  const [failed, setFailed] = useState(false);
  const [under, setUnder] = useState(-1);
  const looking = useRef(0);
  const isMoved = useRef(false); // by hand: what was chosen to be seen stays as the window changes
  const { x, y, count } = points;
  const words = messages.value.map;
  const size = { width: block.current?.clientWidth || 1, height: block.current?.clientHeight || 1 };
  const controls = block.current?.querySelector<HTMLElement>(".controls");
  // Points are seen before any is looked for.
  const grid = useMemo(() => {
    let made: Grid | null = null;
    return () => (made ??= gridOf(x, y));
  }, [points]);
  const draw = (): void => {
    if (!camera || !scatter.current) return;
    block.current!.dataset["drawn"] = "";
    scatter.current.draw(camera, () => {
      block.current!.dataset["drawn"] = "yes";
      setTimeout(grid);
    });
  };
  const fit = (): void => {
    isMoved.current = false;
    const { clientWidth: width, clientHeight: height } = block.current!;
    setCamera(fitted(x, y, { width, height }, bottomOf(block.current!.querySelector<HTMLElement>(".controls"))));
  };
  const newest = useRef(fit);
  newest.current = fit;

  useEffect(() => {
    scatter.current = makeScatter(canvas.current!);
    setFailed(scatter.current === null);
    return () => scatter.current?.dispose();
  }, []);
  useEffect(() => {
    scatter.current?.points(x, y);
    fit();
  }, [points]);
  useEffect(() => {
    if (shades.length === count) scatter.current?.colours(faded(shades, taken, GROUND[theme.value]));
    draw();
  }, [points, shades, taken, theme.value]);
  useEffect(draw, [camera]);
  useEffect(() => {
    const watch = new ResizeObserver(() => (isMoved.current ? setCamera((old) => old && { ...old }) : newest.current()));
    watch.observe(block.current!);
    return () => watch.disconnect();
  }, []);

  const here = useMemo(() => whereQueryFalls(points), [points, hits.value, asking.value.asked]);
  const at = (event: MouseEvent): Point => {
    const { left, top } = block.current!.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  };
  const down = (event: PointerEvent): void => {
    if (event.button !== 0 || (event.target as HTMLElement).closest(".controls")) return;
    block.current!.setPointerCapture(event.pointerId);
    moving.current = event.shiftKey;
    if (!event.shiftKey) setLasso([at(event)]);
  };
  const near = (place: Point): number => {
    if (!camera) return -1;
    return nearest(grid(), toMap(place, camera, size), (NEAR * 2 * camera.half) / size.height);
  };
  /** Looked for once a frame, however often the pointer moves. */
  const look = (event: PointerEvent): void => {
    const place = (event.target as HTMLElement).closest(".controls") ? null : at(event);
    cancelAnimationFrame(looking.current);
    looking.current = requestAnimationFrame(() => setUnder(place ? near(place) : -1));
  };
  const leave = (): void => (cancelAnimationFrame(looking.current), setUnder(-1));
  const pan = (right: number, down: number): void => {
    isMoved.current = true;
    const unit = (2 * (camera?.half ?? 1)) / size.height;
    setCamera((old) => old && { ...old, x: old.x - right * unit, y: old.y + down * unit });
  };
  /** By so much, about a place of the screen. */
  const zoom = (by: number, place: Point): void => {
    if (!camera) return;
    isMoved.current = true;
    const [mx, my] = toMap(place, camera, size);
    setCamera({ x: mx + (camera.x - mx) * by, y: my + (camera.y - my) * by, half: camera.half * by });
  };
  const move = (event: PointerEvent): void => {
    if (!block.current!.hasPointerCapture(event.pointerId) || !camera) return look(event);
    if (under >= 0) leave();
    if (moving.current) pan(event.movementX, event.movementY);
    else setLasso((old) => [...old, at(event)]);
  };
  const up = (event: PointerEvent): void => {
    if (!camera || moving.current || lasso.length === 0) return;
    const polygon = lasso.map((point) => toMap(point, camera, size));
    const found = lasso.length > LEAST ? caught(grid(), polygon) : [];
    const one = near(at(event));
    onTake(found.length ? found : one >= 0 ? [one] : []);
    setLasso([]);
  };
  const wheel = (event: WheelEvent): void => {
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1 / ZOOM : ZOOM, at(event));
  };
  const keys = (event: KeyboardEvent): void => {
    if (event.target !== block.current) return;
    const middle: Point = [size.width / 2, size.height / 2];
    const [across, along] = [size.width * STEP, size.height * STEP];
    const done: Record<string, () => void> = {
      Escape: () => onTake([]),
      ArrowLeft: () => pan(across, 0),
      ArrowRight: () => pan(-across, 0),
      ArrowUp: () => pan(0, along),
      ArrowDown: () => pan(0, -along),
      "+": () => zoom(1 / ZOOM, middle),
      "-": () => zoom(ZOOM, middle),
      "0": fit,
    };
    const all = event.key === "a" && (event.ctrlKey || event.metaKey);
    const act = all ? () => onTake(Int32Array.from({ length: count }, (_, row) => row)) : done[event.key];
    if (!act || (!all && (event.ctrlKey || event.metaKey || event.altKey))) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  };
  const spot = here && camera ? toScreen(here, camera, size) : null;
  return (
    <div
      ref={block}
      class="plot"
      role="application"
      tabIndex={0}
      data-testid="map-plot"
      data-points={count}
      aria-label={words.plot(count)}
      onPointerDown={down}
      onPointerMove={move}
      onPointerUp={up}
      onPointerLeave={leave}
      onWheel={wheel}
      onKeyDown={keys}
    >
      <canvas ref={canvas} />
      {pictured && camera && <Pictures points={points} grid={grid()} camera={camera} size={size} />}
      <svg class="over" aria-hidden="true">
        {lasso.length > 1 && <polygon class="lasso" points={lasso.map((point) => point.join(",")).join(" ")} />}
        {named && camera && <Names groups={groups} camera={camera} size={size} top={bottomOf(controls)} />}
        {spot && (
          <g data-testid="query-here">
            <circle class="here" cx={spot[0]} cy={spot[1]} r={9} />
            <text class="here-word" x={spot[0] + 13} y={spot[1] + 4}>
              {words.query}
            </text>
          </g>
        )}
      </svg>
      {under >= 0 && under < count && camera && (
        <Under id={idOf(points, under)} at={toScreen([x[under]!, y[under]!], camera, size)} size={size} />
      )}
      {failed && <p class="empty">{words.noWebGL}</p>}
      {children}
    </div>
  );
}

const bottomOf = (controls: HTMLElement | null | undefined): number =>
  controls ? controls.offsetTop + controls.offsetHeight : 0;

/** A record of the gallery has its own point; an outside query falls among its nearest hits. */
function whereQueryFalls(points: Points): Point | null {
  const { asked } = asking.peek();
  const own = asked?.kind === "record" ? rowOf(points, asked.id) : -1;
  if (own >= 0) return [points.x[own]!, points.y[own]!];
  const near = hits
    .peek()
    .slice(0, NEAREST_HITS)
    .map((hit) => rowOf(points, hit.id))
    .filter((row) => row >= 0);
  return centroid(points.x, points.y, near);
}
