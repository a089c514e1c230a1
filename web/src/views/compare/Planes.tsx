/** The two other planes of a pane's volume, with a crosshair that all three share. */
import { useEffect, useRef, useState } from "preact/hooks";
import { messages } from "../../messages";
import { edgesOf, UPRIGHT } from "../../viewer/orientation";
import { fitted, type Grid, type Pane } from "../../viewer/pane";
import { greysOf, nameOf, placeOf, planesOf, voxelAt, type Plane, type Voxel } from "../../viewer/planes";
import type { Solid } from "./tools";

interface Props {
  pane: Pane;
  name: string;
  grid: Grid;
  cross: Voxel;
  /** Dark for bright, as in the pane. */
  dark: boolean;
  solid: Solid | null;
  onCross: (cross: Voxel) => void;
}

export function Planes({ pane, name, grid, cross, dark, solid, onCross }: Props) {
  const [words, setWords] = useState(messages.peek().compare.readingAll);
  useEffect(() => {
    let gone = false;
    pane.loadWhole().then(
      () => gone || setWords(""),
      (error: Error) => gone || setWords(error.message),
    );
    return () => void (gone = true);
  }, [pane]);
  if (words) return <p class="planes wait working" role="status">{words}</p>;
  return (
    <div class="planes" data-testid={`planes-${name}`}>
      {planesOf(grid, pane.slices).map((plane) => (
        <PlaneView key={plane.on} plane={plane} {...{ pane, name, grid, cross, dark, solid, onCross }} />
      ))}
    </div>
  );
}

const FINE = 480; // pixels of the longer side at least, so that lines are thin on a coarse volume
type PlaneProps = Omit<Props, "grid"> & { plane: Plane };

function PlaneView({ plane, pane, name, cross, dark, solid, onCross }: PlaneProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { across, down } = plane;
  // Pixels as wide as high, in millimetres, so that the browser may scale them evenly.
  const fine = Math.min(across.mm, down.mm, Math.max(across.size * across.mm, down.size * down.mm) / FINE);
  const size = { width: Math.round((across.size * across.mm) / fine), height: Math.round((down.size * down.mm) / fine) };
  const scale = [size.width / across.size, size.height / down.size] as const;
  const window = pane.window();
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    const picture = paintedPlane(plane, greysOf(plane, cross[plane.on], pane.valueAt, { window, dark: dark !== pane.reversed }));
    [context.canvas.width, context.canvas.height] = [size.width, size.height];
    context.drawImage(picture, 0, 0, size.width, size.height);
    const [x, y] = placeOf(plane, cross).map((at, side) => (at + 0.5) * scale[side]!) as [number, number];
    context.lineWidth = Math.max(1, size.width / 300);
    context.strokeStyle = "#5ad1c0";
    context.stroke(new Path2D(`M${x} 0V${size.height}M0 ${y}H${size.width}`));
    if (solid) strokeSolid(context, plane, solid, pane, scale);
  }, [plane.on, pane, cross[0], cross[1], cross[2], window[0], window[1], dark, solid]);

  const go = (event: PointerEvent): void => {
    if (!canvas.current || event.buttons !== 1) return;
    const box = canvas.current.getBoundingClientRect();
    const { left, top, width, height } = fitted(size, box, { zoom: 1, pan: [0, 0] });
    const share = (at: number, start: number, length: number, count: number): number =>
      Math.max(0, Math.min(count - 1, Math.floor(((at - start) / length) * count)));
    const x = share(event.clientX - box.left, left, width, across.size);
    onCross(voxelAt(plane, cross[plane.on], [x, share(event.clientY - box.top, top, height, down.size)]));
  };
  const press = (event: KeyboardEvent): void => {
    const step = ARROWS[event.key];
    if (!step) return;
    event.preventDefault();
    const by = event.shiftKey ? 10 : 1;
    const [x, y] = placeOf(plane, cross);
    const inside = (at: number, count: number): number => Math.max(0, Math.min(count - 1, at));
    onCross(voxelAt(plane, cross[plane.on], [inside(x + step[0] * by, across.size), inside(y + step[1] * by, down.size)]));
  };
  const edges = across.towards && down.towards ? edgesOf(across.towards, down.towards, UPRIGHT) : null;
  const words = messages.value.compare;
  const title = nameOf(plane) || (plane.on === 0 ? "along columns" : "along rows");
  return (
    <div
      class="plane"
      tabIndex={0}
      role="application"
      data-testid={`plane-${name}-${title}`}
      aria-label={words.planeKeys(words.plane[title] ?? title)}
      onPointerDown={go}
      onPointerMove={go}
      onKeyDown={press}
    >
      <canvas ref={canvas} aria-hidden="true" />
      <span class="corner upper"><i>{words.plane[title] ?? title}</i></span>
      {edges && (["top", "right", "bottom", "left"] as const).map((side) => <b key={side} class={`edge ${side}`}>{edges[side]}</b>)}
    </div>
  );
}

function paintedPlane({ across, down }: Plane, greys: Uint8ClampedArray): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [across.size, down.size];
  const context = canvas.getContext("2d")!;
  const image = context.createImageData(across.size, down.size);
  greys.forEach((grey, at) => image.data.set([grey, grey, grey, 255], at * 4));
  context.putImageData(image, 0, 0);
  return canvas;
}

/** The outline of a box that goes through slices. */
function strokeSolid(
  context: CanvasRenderingContext2D,
  plane: Plane,
  { box, from, to }: Solid,
  pane: Pane,
  scale: readonly [number, number],
): void {
  const { columns, rows } = pane.grid();
  const first = placeOf(plane, [box[0] * columns, box[1] * rows, from]);
  const last = placeOf(plane, [box[2] * columns - 1, box[3] * rows - 1, to]);
  const [left, right] = [Math.min(first[0], last[0]), Math.max(first[0], last[0]) + 1];
  const [top, bottom] = [Math.min(first[1], last[1]), Math.max(first[1], last[1]) + 1];
  context.strokeStyle = "#f0b35a";
  context.strokeRect(left * scale[0], top * scale[1], (right - left) * scale[0], (bottom - top) * scale[1]);
}

const ARROWS: Record<string, readonly [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};
