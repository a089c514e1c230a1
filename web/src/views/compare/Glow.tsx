/** The heat over a viewer: where the whole picture lies on the screen, at this zoom and pan. */
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Explained } from "../../types";
import { paintHeat } from "../../ui/HeatPicture";
import type { View } from "../../viewer/pane";

interface Props {
  explained: Explained;
  view: View;
  screen: RefObject<HTMLDivElement>;
}

export function Glow({ explained, view, screen }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (canvas.current) paintHeat(canvas.current, explained.heat);
  }, [explained]);
  const { clientWidth = 1, clientHeight = 1 } = screen.current ?? {};
  const fit = Math.min(clientWidth / (explained.columns || 1), clientHeight / (explained.rows || 1)) * view.zoom;
  const [width, height] = [explained.columns * fit, explained.rows * fit];
  return (
    <canvas
      ref={canvas}
      class="glow"
      data-testid="glow"
      aria-hidden="true"
      style={{
        width: `${width}px`,
        height: `${height}px`,
        left: `${(clientWidth - width) / 2 + view.pan[0] * clientWidth}px`,
        top: `${(clientHeight - height) / 2 + view.pan[1] * clientHeight}px`,
      }}
    />
  );
}
