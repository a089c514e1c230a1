/** A picture with the heat of its matching patches over it, in the colour that says "where". */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Box, Explained } from "../types";
import { Picture } from "./Picture";

export const WARM = [240, 179, 90] as const;
const STRONGEST = 200; // of 255, so that the picture stays visible underneath; the power keeps to what matches most

/** Heat 0..1 on a small canvas, which the browser scales up smoothly. */
export function paintHeat(canvas: HTMLCanvasElement, heat: readonly (readonly number[])[]): void {
  const [rows, columns] = [heat.length, heat[0]?.length ?? 0];
  [canvas.width, canvas.height] = [columns || 1, rows || 1];
  const context = canvas.getContext("2d");
  if (!context || !columns) return;
  const image = context.createImageData(columns, rows);
  heat
    .flat()
    .forEach((value, at) => image.data.set([...WARM, Math.max(0, Math.min(1, value)) ** 3 * STRONGEST], at * 4));
  context.putImageData(image, 0, 0);
}

interface Props {
  path: string;
  alt: string;
  explained: Explained | null;
  box: Box | null;
}

export function HeatPicture({ path, alt, explained, box }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState<[number, number]>([1, 1]);
  useEffect(() => {
    if (canvas.current && explained) paintHeat(canvas.current, explained.heat);
  }, [explained]);
  return (
    <div class="heat">
      <Picture path={path} alt={alt} onLoad={(width, height) => setSize([width, height])} />
      {explained && <canvas ref={canvas} aria-hidden="true" data-testid="heat" />}
      {box && (
        <svg class="where" viewBox={`0 0 ${size[0]} ${size[1]}`} preserveAspectRatio="none" aria-hidden="true">
          <rect
            x={box[0] * size[0]}
            y={box[1] * size[1]}
            width={(box[2] - box[0]) * size[0]}
            height={(box[3] - box[1]) * size[1]}
          />
        </svg>
      )}
    </div>
  );
}
