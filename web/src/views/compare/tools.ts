/** What a press on a picture does: the window, a length, an angle, or a box to search for; and what was drawn. */
import { useState } from "preact/hooks";
import type { Box } from "../../types";
import { NEEDED, type Kind, type Mark } from "../../viewer/measure";
import type { Point } from "../../viewer/orientation";
import type { Grid } from "../../viewer/pane";
import { between } from "../search/boxes";
import type { Name } from "./compared";

export type Tool = "window" | Kind | "box";

/** A box on slices from the first to the last of them, in shares of the picture. */
export interface Solid {
  box: Box;
  from: number;
  to: number;
}

/** slice: that it is drawn on. points: in pixels of the picture. */
interface Drawing {
  name: Name;
  kind: Kind | "box";
  slice: number;
  points: readonly Point[];
}

const LEAST = 0.02; // of the picture: a smaller box is a slip

export function useTools() {
  const [tool, choose] = useState<Tool>("window");
  const [marks, setMarks] = useState<Record<Name, readonly Mark[]>>({ query: [], hit: [] });
  const [solids, setSolids] = useState<Record<Name, Solid | null>>({ query: null, hit: null });
  const [drawing, setDrawing] = useState<Drawing | null>(null);

  const press = (name: Name, slice: number, point: Point, grid: Grid): void => {
    if (tool === "window") return;
    const going = drawing?.name === name && drawing.slice === slice && drawing.kind === tool ? drawing.points : [];
    const points = [...going, point];
    if (points.length < (tool === "box" ? 2 : NEEDED[tool])) return setDrawing({ name, kind: tool, slice, points });
    setDrawing(null);
    if (tool !== "box") {
      setMarks((old) => ({ ...old, [name]: [...old[name], { kind: tool, slice, points }] }));
      return;
    }
    const box = boxOf(points, grid);
    if (box) setSolids((old) => ({ ...old, [name]: { box, from: slice, to: slice } }));
  };
  return {
    tool,
    toggle: (next: Tool): void => {
      setDrawing(null);
      choose((old) => (old === next ? "window" : next));
    },
    marks,
    solids,
    drawing,
    press,
    drop: (): void => setDrawing(null),
    setSolid: (name: Name, solid: Solid | null): void => setSolids((old) => ({ ...old, [name]: solid })),
    /** Takes the last one back. */
    unmark: (name: Name): void => setMarks((old) => ({ ...old, [name]: old[name].slice(0, -1) })),
    /** Nothing is drawn on what is shown no more. */
    clear: (names: readonly Name[]): void => {
      const without = <T,>(old: Record<Name, T>, none: T): Record<Name, T> => ({
        ...old,
        ...Object.fromEntries(names.map((name) => [name, none])),
      });
      setDrawing(null);
      setMarks((old) => without(old, []));
      setSolids((old) => without<Solid | null>(old, null));
    },
  };
}
export type Tools = ReturnType<typeof useTools>;

/** The box between two points, in shares of the picture; null where it is too small to be meant. */
export function boxOf([from, to]: readonly Point[], { columns, rows }: Grid): Box | null {
  const share = ([x, y]: Point): [number, number] => [x / (columns || 1), y / (rows || 1)];
  const box = between(share(from!), share(to!));
  return box[2] - box[0] >= LEAST && box[3] - box[1] >= LEAST ? box : null;
}
