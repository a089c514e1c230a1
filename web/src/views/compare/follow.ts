/** Lays an element exactly over the picture that a viewer draws, at any size, zoom and pan. */
import type { RefObject } from "preact";
import { useEffect } from "preact/hooks";
import type { Pane } from "../../viewer/pane";

const SIDES = ["left", "top", "width", "height"] as const;

/** Viewers draw when they like, above all after a change of size: the place is asked anew before each frame. */
export function useFollow(element: RefObject<HTMLElement>, pane: Pane): void {
  useEffect(() => {
    let frame = 0;
    const follow = (): void => {
      const place = pane.place();
      const { style } = element.current ?? {};
      if (style && place) for (const side of SIDES) style[side] = `${place[side]}px`;
      frame = requestAnimationFrame(follow);
    };
    follow();
    return () => cancelAnimationFrame(frame);
  }, [pane]);
}
