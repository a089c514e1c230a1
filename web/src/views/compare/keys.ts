/** The keys of the compare view, beside those of the page. */
import { useLayoutEffect, useRef } from "preact/hooks";
import { writing } from "../../keyboard";
import { messages } from "../../messages";
import type { Messages } from "../../messages/en";
import { CT_PRESETS } from "../../viewer/pane";
import type { Panes } from "./compared";
import type { Tools } from "./tools";

interface At {
  panes: Panes;
  tools: Tools;
  full: () => void;
  planes: () => void;
}

const does = (name: keyof Messages["help"]["viewer"]) => (): string => messages.value.help.viewer[name];
const windowOf = (name: string) => (): string =>
  messages.value.help.window(messages.value.compare.preset[name] ?? name);

export const VIEWER_KEYS: ReadonlyArray<readonly [key: string, does: () => string, act: (at: At) => void]> = [
  ["i", does("invert"), ({ panes }) => panes.invert()],
  ["r", does("turn"), ({ panes }) => panes.turnRight()],
  ["m", does("mirror"), ({ panes }) => panes.mirror()],
  ["f", does("full"), ({ full }) => full()],
  ["p", does("planes"), ({ planes }) => planes()],
  ["l", does("length"), ({ tools }) => tools.toggle("length")],
  ["a", does("angle"), ({ tools }) => tools.toggle("angle")],
  ["b", does("box"), ({ tools }) => tools.toggle("box")],
  ...CT_PRESETS.map(
    ([name, window], at) => [String(at + 1), windowOf(name), ({ panes }: At) => panes.preset(window)] as const,
  ),
];

export function useViewerKeys(at: At): void {
  const latest = useRef(at);
  latest.current = at;
  useLayoutEffect(() => {
    const press = (event: KeyboardEvent): void => {
      const key = VIEWER_KEYS.find(([name]) => name === event.key);
      if (!key || event.ctrlKey || event.metaKey || event.altKey || writing(event.target)) return;
      key[2](latest.current);
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
}
