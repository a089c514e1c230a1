/** Where one is among records, and what is marked of each. Keys come faster than the page is drawn: what is pressed for a record that is no longer there is dropped. */
import { useRef, useState } from "preact/hooks";

export interface Marks {
  at: number;
  id: string | undefined;
  /** null: nothing is chosen yet, not even that it shows none of the labels. */
  marked: (id: string) => readonly string[] | null;
  mark: (id: string, change: (labels: readonly string[]) => string[]) => void;
  /** Whether a record is the one that is shown. */
  isHere: (id: string) => boolean;
  goTo: (at: number) => void;
}

/** said: what is marked of a record to begin with. */
export function useMarks(ids: readonly string[], said: (id: string) => readonly string[] | null): Marks {
  const [place, marks] = [useRef(0), useRef<Record<string, readonly string[]>>({})];
  const [, draw] = useState(0);
  const isHere = (id: string): boolean => ids[place.current] === id;
  const marked = (id: string): readonly string[] | null => marks.current[id] ?? said(id);
  return {
    at: place.current,
    id: ids[place.current],
    marked,
    isHere,
    mark: (id, change) => {
      if (!isHere(id)) return;
      marks.current = { ...marks.current, [id]: change(marked(id) ?? []) };
      draw((times) => times + 1);
    },
    goTo: (at) => {
      place.current = Math.max(0, Math.min(ids.length - 1, at));
      draw((times) => times + 1);
    },
  };
}
