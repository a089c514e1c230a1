/** The points: drag draws a lasso, the wheel zooms, Shift and drag moves, a click tells one record. */
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { caught, centroid, fitted, nearest, toMap, toScreen, type Point } from "../../map/geometry";
import { makeScatter, type Camera, type Scatter } from "../../map/scatter";
import { hits } from "../../search";
import { asking } from "../../state";
import type { MapPoints, Stored } from "../../types";
import { Under } from "./Under";

const NEAR = 12; // pixels
const LEAST = 3; // corners of a lasso
const NEAREST_HITS = 5; // their middle is where an outside query falls

interface Props {
  points: MapPoints;
  colours: Uint8Array;
  taken: readonly number[];
  onTake: (rows: readonly number[]) => void;
  records: Map<string, Stored>;
  children: ComponentChildren;
}

export function Plot({ points, colours, taken, onTake, records, children }: Props) {
  const block = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const scatter = useRef<Scatter | null>(null);
  const [camera, setCamera] = useState<Camera | null>(null);
  const [lasso, setLasso] = useState<readonly Point[]>([]);
  const moving = useRef(false);
  const [failed, setFailed] = useState(false);
  const [under, setUnder] = useState(-1);
  const looking = useRef(0);
  const { x, y, ids } = points;
  const size = { width: block.current?.clientWidth || 1, height: block.current?.clientHeight || 1 };

  useEffect(() => {
    scatter.current = makeScatter(canvas.current!);
    setFailed(scatter.current === null);
    return () => scatter.current?.dispose();
  }, []);
  useEffect(() => {
    const { clientWidth: width, clientHeight: height } = block.current!;
    setCamera(fitted(x, y, { width, height }));
  }, [points]);
  useEffect(() => {
    const positions = new Float32Array(ids.length * 2);
    ids.forEach((_, at) => positions.set([x[at]!, y[at]!], at * 2));
    scatter.current?.points(positions, faded(colours, taken));
    if (camera) scatter.current?.draw(camera);
  }, [points, colours, taken]);
  useEffect(() => {
    if (camera) scatter.current?.draw(camera);
  }, [camera]);
  useEffect(() => {
    const watch = new ResizeObserver(() => setCamera((old) => old && { ...old }));
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
  /** Looked for once a frame, however often the pointer moves. */
  const look = (event: PointerEvent): void => {
    const place = (event.target as HTMLElement).closest(".controls") ? null : at(event);
    cancelAnimationFrame(looking.current);
    looking.current = requestAnimationFrame(() => {
      if (!camera) return;
      const unit = (2 * camera.half) / size.height;
      setUnder(place ? nearest(x, y, toMap(place, camera, size), NEAR * unit) : -1);
    });
  };
  const leave = (): void => (cancelAnimationFrame(looking.current), setUnder(-1));
  const move = (event: PointerEvent): void => {
    if (!block.current!.hasPointerCapture(event.pointerId) || !camera) return look(event);
    if (under >= 0) leave();
    if (moving.current) {
      const unit = (2 * camera.half) / size.height;
      setCamera({ ...camera, x: camera.x - event.movementX * unit, y: camera.y + event.movementY * unit });
    } else setLasso((old) => [...old, at(event)]);
  };
  const up = (event: PointerEvent): void => {
    if (!camera || moving.current || lasso.length === 0) return;
    const polygon = lasso.map((point) => toMap(point, camera, size));
    const found = lasso.length > LEAST ? caught(x, y, polygon) : [];
    const unit = (2 * camera.half) / size.height;
    const one = nearest(x, y, toMap(at(event), camera, size), NEAR * unit);
    onTake(found.length ? found : one >= 0 ? [one] : []);
    setLasso([]);
  };
  const wheel = (event: WheelEvent): void => {
    event.preventDefault();
    if (!camera) return;
    const [mx, my] = toMap(at(event), camera, size);
    const by = event.deltaY < 0 ? 1 / 1.18 : 1.18;
    setCamera({ x: mx + (camera.x - mx) * by, y: my + (camera.y - my) * by, half: camera.half * by });
  };
  const spot = here && camera ? toScreen(here, camera, size) : null;
  const alone = taken.length === 1 ? records.get(ids[taken[0]!] ?? "") : undefined;
  return (
    <div
      ref={block}
      class="plot"
      role="application"
      tabIndex={0}
      data-testid="map-plot"
      data-points={ids.length}
      data-drawn={camera ? "yes" : ""}
      aria-label={`Map of ${ids.length} records. Drag a lasso around points; Control and A takes all, Escape none`}
      onPointerDown={down}
      onPointerMove={move}
      onPointerUp={up}
      onPointerLeave={leave}
      onWheel={wheel}
      onKeyDown={(event) => {
        if (event.key === "Escape") onTake([]);
        if (event.key === "a" && (event.ctrlKey || event.metaKey))
          (event.preventDefault(), onTake(ids.map((_, row) => row)));
      }}
    >
      <canvas ref={canvas} />
      <svg class="over" aria-hidden="true">
        {lasso.length > 1 && <polygon class="lasso" points={lasso.map((point) => point.join(",")).join(" ")} />}
        {spot && (
          <g data-testid="query-here">
            <circle class="here" cx={spot[0]} cy={spot[1]} r={9} />
            <text class="here-word" x={spot[0] + 13} y={spot[1] + 4}>
              query
            </text>
          </g>
        )}
      </svg>
      {under >= 0 && under < ids.length && camera && (
        <Under
          id={ids[under]!}
          record={records.get(ids[under]!)}
          at={toScreen([x[under]!, y[under]!], camera, size)}
          size={size}
        />
      )}
      {failed && <p class="empty">This browser draws no WebGL; the map needs it.</p>}
      {alone && (
        <span class="sr" role="status">
          {alone.labels.join(", ")}
        </span>
      )}
      {children}
    </div>
  );
}

/** A record of the gallery has its own point; an outside query falls among its nearest hits. */
function whereQueryFalls({ ids, x, y }: MapPoints): Point | null {
  const { asked } = asking.peek();
  const rows = new Map(ids.map((id, at) => [id, at]));
  const own = asked?.kind === "record" ? rows.get(asked.id) : undefined;
  if (own !== undefined) return [x[own]!, y[own]!];
  const near = hits
    .peek()
    .slice(0, NEAREST_HITS)
    .map((hit) => rows.get(hit.id))
    .filter((row): row is number => row !== undefined);
  return centroid(x, y, near);
}

/** What was not taken steps back. */
function faded(colours: Uint8Array, taken: readonly number[]): Uint8Array {
  if (taken.length === 0) return colours;
  const bytes = colours.map((value) => Math.round(value * 0.28));
  for (const row of taken) bytes.set(colours.subarray(row * 3, row * 3 + 3), row * 3);
  return bytes;
}
