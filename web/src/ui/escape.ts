/** What Escape closes, the topmost first. Dialogs close themselves, and so does the compare view where it has the focus. */
import { useLayoutEffect, useRef } from "preact/hooks";

const closers: (() => void)[] = [];

/** While something is open, Escape closes it, if nothing was opened after it. */
export function useEscape(open: boolean, close: () => void): void {
  const latest = useRef(close);
  latest.current = close;
  useLayoutEffect(() => {
    if (!open) return undefined;
    const closer = (): void => latest.current();
    closers.push(closer);
    return () => void closers.splice(closers.indexOf(closer), 1);
  }, [open]);
}

/** Whether there was something to close. */
export function closeTopmost(): boolean {
  const last = closers.at(-1);
  last?.();
  return last !== undefined;
}
