/** The keys of the compare view, beside those of the page. */
import { useEffect, useRef } from "preact/hooks";
import { writing } from "../../keyboard";
import { CT_PRESETS } from "../../viewer/pane";
import type { Panes } from "./compared";
import type { Tools } from "./tools";

interface At {
  panes: Panes;
  tools: Tools;
  full: () => void;
  planes: () => void;
}

export const VIEWER_KEYS: ReadonlyArray<readonly [key: string, does: string, act: (at: At) => void]> = [
  ["i", "invert", ({ panes }) => panes.invert()],
  ["r", "turn right", ({ panes }) => panes.turnRight()],
  ["m", "mirror left to right", ({ panes }) => panes.mirror()],
  ["f", "full screen", ({ full }) => full()],
  ["p", "three planes of a volume, with a crosshair", ({ planes }) => planes()],
  ["l", "measure a length", ({ tools }) => tools.toggle("length")],
  ["a", "measure an angle", ({ tools }) => tools.toggle("angle")],
  ["b", "draw a box to search for", ({ tools }) => tools.toggle("box")],
  ...CT_PRESETS.map(
    ([name, window], at) => [String(at + 1), `window of CT: ${name}`, ({ panes }: At) => panes.preset(window)] as const,
  ),
];

export function useViewerKeys(at: At): void {
  const latest = useRef(at);
  latest.current = at;
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      const key = VIEWER_KEYS.find(([name]) => name === event.key);
      if (!key || event.ctrlKey || event.metaKey || event.altKey || writing(event.target)) return;
      key[2](latest.current);
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
}
