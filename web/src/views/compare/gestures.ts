/** What mouse, wheel and keys do on a picture, with every tool. */
import { useRef, useState } from "preact/hooks";
import { toLocal, unturned, type Point } from "../../viewer/orientation";
import { dragged, type Grid, type Pane, type Window } from "../../viewer/pane";
import type { Name, Panes } from "./compared";
import { moved, zoomed } from "./linked";
import type { Tools } from "./tools";

interface Drag {
  x: number;
  y: number;
  window: Window;
  far: boolean;
}

const FAR = 4; // screen pixels: a press that moved further is a drag

/** onPoint: a press without a drag, on a pixel of the picture, where no tool takes it. */
export function useGestures(
  name: Name,
  pane: Pane | null,
  panes: Panes,
  tools: Tools,
  onPoint: (pixel: readonly [column: number, row: number]) => void,
) {
  const drag = useRef<Drag | null>(null);
  const [cursor, setCursor] = useState<Point | null>(null);
  const turn = panes.turns[name];
  const grid = pane?.grid();

  const pointAt = (event: PointerEvent): Point | null => {
    const place = pane?.place();
    if (!place || !grid) return null;
    const room = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const [x, y] = toLocal(turn, room, [event.clientX - room.left, event.clientY - room.top]);
    return [((x - place.left) / place.width) * grid.columns, ((y - place.top) / place.height) * grid.rows];
  };
  const press = (point: Point | null): void => {
    if (pane && grid && point) tools.press(name, pane.slice(), inside(point, grid), grid);
  };
  const onPointerDown = (event: PointerEvent): void => {
    panes.setActive(name);
    if (!pane || event.button !== 0) return;
    (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
    drag.current = { x: event.clientX, y: event.clientY, window: pane.window(), far: false };
    if (tools.tool !== "window" && !event.shiftKey) press(pointAt(event));
  };
  const onPointerMove = (event: PointerEvent): void => {
    setCursor(pointAt(event));
    if (!drag.current) return;
    const { width, height } = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const [right, below] = [event.clientX - drag.current.x, event.clientY - drag.current.y];
    drag.current.far ||= Math.hypot(right, below) > FAR;
    if (event.shiftKey) {
      const [across, down] = unturned(turn, [event.movementX, event.movementY]);
      const [wide, high] = turn.quarters % 2 ? [height, width] : [width, height];
      panes.toView(moved(panes.view, across / wide, down / high));
    } else if (tools.tool === "window") {
      panes.toWindow(name, dragged(drag.current.window, right / width, below / height));
    }
  };
  const onPointerUp = (event: PointerEvent): void => {
    if (drag.current?.far && tools.tool !== "window" && !event.shiftKey) press(pointAt(event));
    const at = pointAt(event);
    if (drag.current && !drag.current.far && tools.tool === "window" && at && grid) onPoint(pixelOf(at, grid));
    drag.current = null;
  };
  const onWheel = (event: WheelEvent): void => {
    event.preventDefault();
    if (event.ctrlKey || !pane || pane.slices < 2) panes.toView(zoomed(panes.view, event.deltaY < 0 ? 1.12 : 1 / 1.12));
    else void panes.toSlice(name, pane.slice() + Math.sign(event.deltaY));
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (!pane || !grid || event.ctrlKey || event.metaKey || event.altKey) return;
    if (tools.tool !== "window" && drawn(event, grid)) return event.preventDefault();
    const [center, width] = pane.window();
    const acts: Record<string, () => void> = {
      ArrowUp: () => void panes.toSlice(name, pane.slice() + 1),
      ArrowDown: () => void panes.toSlice(name, pane.slice() - 1),
      PageUp: () => void panes.toSlice(name, pane.slice() + 10),
      PageDown: () => void panes.toSlice(name, pane.slice() - 10),
      ArrowLeft: () => panes.toWindow(name, [center, width * 1.1]),
      ArrowRight: () => panes.toWindow(name, [center, width / 1.1]),
      Delete: () => tools.unmark(name),
      Backspace: () => tools.unmark(name),
    };
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]!();
  };
  /** Arrows move the cursor as it is seen, Enter sets a point. */
  const drawn = ({ key, shiftKey }: KeyboardEvent, grid: Grid): boolean => {
    const at = cursor ?? [grid.columns / 2, grid.rows / 2];
    const arrow = ARROWS[key];
    if (arrow) {
      const by = shiftKey ? 10 : 1;
      const [x, y] = unturned(turn, arrow);
      setCursor(inside([at[0] + x * by, at[1] + y * by], grid));
    } else if (key === "Enter") {
      setCursor(at);
      press(at);
    }
    return arrow !== undefined || key === "Enter";
  };
  return {
    cursor,
    on: {
      onPointerDown,
      onPointerMove,
      onPointerUp,
      onPointerLeave: () => drag.current || setCursor(null),
      onPointerCancel: () => (drag.current = null),
      onFocus: () => panes.setActive(name),
      onWheel,
      onKeyDown,
    },
  };
}

const ARROWS: Record<string, Point> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

const inside = ([x, y]: Point, { columns, rows }: Grid): Point => [
  Math.max(0, Math.min(columns, x)),
  Math.max(0, Math.min(rows, y)),
];

const pixelOf = ([x, y]: Point, { columns, rows }: Grid): readonly [number, number] => [
  Math.max(0, Math.min(columns - 1, Math.floor(x))),
  Math.max(0, Math.min(rows - 1, Math.floor(y))),
];
