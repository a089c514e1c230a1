/** A picture, and labels that keys give it: 1 to 9 and a to z flip one, Enter takes what is marked, arrows move. */
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { api, paths } from "../../api";
import { writing } from "../../keyboard";
import { messages } from "../../messages";
import { Picture } from "../../ui/Picture";

const LETTERS = "bcdefghilmnoqrstvwxyz"; // those that no key of the page is

/** The key of a label by its number. */
export const keyOf = (at: number): string => (at < 9 ? String(at + 1) : (LETTERS[at - 9] ?? ""));

interface Props {
  id: string;
  /** How many slices it has. */
  depth: number;
  labels: readonly string[];
  /** null: nothing yet. */
  marked: readonly string[] | null;
  onFlip: (label: string) => void;
  /** Nothing of all this. */
  onNone: () => void;
  onTake: () => void;
  onMove: (by: number) => void;
  /** What the taking button says. */
  take: string;
  children?: ComponentChildren;
}

export function Marked(props: Props) {
  const { id, depth, labels, marked, onFlip, onNone, onTake, onMove, take, children } = props;
  const words = messages.value.readings;
  const latest = useRef(props);
  latest.current = props; // keys are heard by what is shown now
  useLayoutEffect(() => {
    const act = (event: KeyboardEvent): void => {
      const { labels, onFlip, onNone, onTake, onMove } = latest.current;
      const target = event.target as HTMLElement | null;
      if (event.ctrlKey || event.metaKey || event.altKey || writing(target)) return;
      const label = labels.find((_, at) => keyOf(at) === event.key);
      // Enter takes what is marked, also where a label has the focus, which the space bar presses
      const isButton = event.key === "Enter" && target?.closest?.("button") && !target.closest(".chips");
      const done =
        label !== undefined
          ? onFlip
          : { "0": onNone, Enter: onTake, ArrowLeft: () => onMove(-1), ArrowRight: () => onMove(1) }[event.key];
      if (!done || isButton || (target?.closest?.("[type=range]") && event.key.startsWith("Arrow"))) return;
      event.preventDefault();
      done(label ?? "");
    };
    addEventListener("keydown", act);
    return () => removeEventListener("keydown", act);
  }, []);
  return (
    <div class="marked">
      <Slices key={id} id={id} depth={depth} />
      <div class="stack">
        <div class="chips" role="group" aria-label={words.whatItShows}>
          {labels.map((label, at) => (
            <button
              key={label}
              class={`chip ${marked?.includes(label) ? "on" : ""}`}
              aria-pressed={marked?.includes(label) ?? false}
              data-testid="mark"
              data-label={label}
              onClick={() => onFlip(label)}
            >
              <kbd>{keyOf(at)}</kbd>
              <span>{label}</span>
            </button>
          ))}
          <button
            class={`chip ${marked?.length === 0 ? "on" : ""}`}
            aria-pressed={marked?.length === 0}
            data-testid="mark-none"
            onClick={onNone}
          >
            <kbd>0</kbd>
            <span>{words.nothing}</span>
          </button>
        </div>
        {children}
        <div class="row">
          <button data-testid="before" onClick={() => onMove(-1)}>
            <kbd>←</kbd> {words.before}
          </button>
          <button class="full" data-testid="take" onClick={onTake}>
            <kbd>Enter</kbd> {take}
          </button>
          <button data-testid="after" onClick={() => onMove(1)}>
            <kbd>→</kbd> {words.after}
          </button>
        </div>
      </div>
    </div>
  );
}

function Slices({ id, depth }: { id: string; depth: number }) {
  const words = messages.value.readings;
  const [slice, setSlice] = useState(Math.floor(depth / 2));
  const path = paths.picture({ record: id }, depth > 1 ? slice : null, 1024);
  return (
    <figure class="screen-of">
      <Picture path={path} alt={words.picture} />
      {depth > 1 && (
        <label class="row numbers">
          {words.slice(slice + 1, depth)}
          <input
            type="range"
            min={0}
            max={depth - 1}
            value={slice}
            data-testid="reading-slice"
            onInput={(event) => setSlice(Number(event.currentTarget.value))}
          />
        </label>
      )}
    </figure>
  );
}

/** How many slices a record has; null while nobody knows. */
export function useDepth(id: string | undefined): number | null {
  const [known, setKnown] = useState<{ id: string; depth: number } | null>(null);
  useEffect(() => {
    if (!id) return;
    let here = true;
    api.record(id).then(
      ({ depth }) => here && setKnown({ id, depth }),
      () => here && setKnown({ id, depth: 1 }), // one that was deleted since: its picture says so
    );
    return () => void (here = false);
  }, [id]);
  return known && known.id === id ? known.depth : null;
}
