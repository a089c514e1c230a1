/** The heat over a viewer: exactly where the viewer draws the whole picture, at any size, zoom and pan. */
import { useEffect, useRef } from "preact/hooks";
import type { Explained } from "../../types";
import { paintHeat } from "../../ui/HeatPicture";
import type { Pane } from "../../viewer/pane";

interface Props {
  explained: Explained;
  pane: Pane;
}

export function Glow({ explained, pane }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (canvas.current) paintHeat(canvas.current, explained.heat);
  }, [explained]);
  // Viewers draw when they like, above all after a change of size: the place is asked anew before each frame.
  useEffect(() => {
    let frame = 0;
    const follow = (): void => {
      const place = pane.place();
      const { style } = canvas.current ?? {};
      if (style && place) for (const side of SIDES) style[side] = `${place[side]}px`;
      frame = requestAnimationFrame(follow);
    };
    follow();
    return () => cancelAnimationFrame(frame);
  }, [pane]);
  return <canvas ref={canvas} class="glow" data-testid="glow" aria-hidden="true" />;
}

const SIDES = ["left", "top", "width", "height"] as const;
