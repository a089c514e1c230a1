/** The heat over a viewer, in the colour that says "where". */
import { useEffect, useRef } from "preact/hooks";
import type { Explained } from "../../types";
import { WARM } from "../../ui/HeatPicture";
import { airOf } from "../../viewer/air";
import { opacities, type Glowing } from "../../viewer/glow";
import type { Pane, Window } from "../../viewer/pane";
import { useFollow } from "./follow";

interface Props {
  explained: Explained;
  glowing: Glowing;
  pane: Pane;
  /** That the picture was opened with: what is dark in it is air. */
  first: Window;
}

const LONG = 192; // pixels of the longer side: the browser scales them up smoothly

export function Glow({ explained, glowing, pane, first }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useFollow(canvas, pane);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    const { columns, rows } = pane.grid();
    const scale = LONG / Math.max(columns, rows, 1);
    const size = [Math.max(1, Math.round(columns * scale)), Math.max(1, Math.round(rows * scale))] as const;
    [context.canvas.width, context.canvas.height] = size;
    const image = context.createImageData(...size);
    const air = airOf(size, (column, row) =>
      isDark(pane, first, pane.valueAt(((column + 0.5) / size[0]) * columns, ((row + 0.5) / size[1]) * rows)),
    );
    opacities(explained.heat, size, glowing, air).forEach((opacity, at) =>
      image.data.set([...WARM, opacity], at * 4),
    );
    context.putImageData(image, 0, 0);
  }, [explained, glowing, pane, first]);
  return <canvas ref={canvas} class="glow" data-testid="glow" aria-hidden="true" />;
}

const AIR = -400; // Hounsfield units: between air and fat
const DARK = 0.04; // of the window that a picture was opened with

function isDark({ hounsfield, reversed }: Pane, [center, width]: Window, value: number | null): boolean {
  if (value === null) return false;
  if (hounsfield) return value < AIR;
  const shown = (value - center) / width + 0.5;
  return (reversed ? 1 - shown : shown) < DARK;
}
