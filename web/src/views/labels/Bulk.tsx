/** Give the selection labels: by the keys 1 to 9, or written; undo, history, tables. */
import { History, Sparkles, Undo2 } from "lucide-preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { messages } from "../../messages";
import { gallery, go, mayChange } from "../../state";
import { sayProblem } from "../../ui/notice";
import { canUndoLabels, changedHere, changeLabels, undoLabels } from "./changes";
import { ChangesDialog } from "./ChangesDialog";
import { selection } from "./selection";
import { Tables } from "./Tables";

const KEYS = 9;

/** The selection, or without one the tile that has the focus. */
function wanted(): string[] {
  if (selection.peek().size) return [...selection.peek()];
  const tile = document.activeElement?.closest<HTMLElement>("[data-testid=label-tile]");
  return tile?.dataset.id ? [tile.dataset.id] : [];
}

async function give(label: string, way: "add" | "remove", ids: string[]): Promise<void> {
  try {
    if (ids.length) await changeLabels({ ids, [way]: [label] });
  } catch (error) {
    sayProblem(error);
  }
}

export function Bulk({ where }: { where: string | null }) {
  const words = messages.value.labels;
  const [label, setLabel] = useState("");
  const [history, setHistory] = useState(false);
  const labels = gallery.value?.labels ?? [];
  // A key keeps its label while the view is open, whatever becomes the most frequent
  const kept = useRef<string[]>([]);
  const fresh = labels.filter((one) => !kept.current.includes(one)).slice(0, KEYS - kept.current.length);
  const keys = (kept.current = [...kept.current, ...fresh.sort((one, other) => one.localeCompare(other))]);
  useLayoutEffect(() => {
    const act = (event: KeyboardEvent): void => {
      const target = event.target as HTMLElement | null;
      const name = keys[Number(event.key) - 1];
      if (!name || event.ctrlKey || event.metaKey || event.altKey) return;
      if (target?.closest?.("dialog, input:not([type=checkbox]), textarea, select")) return;
      event.preventDefault();
      void give(name, "add", wanted());
    };
    addEventListener("keydown", act);
    return () => removeEventListener("keydown", act);
  }, [keys.join("\n")]);
  if (!mayChange.value) return gallery.value && <p class="note">{words.noWriter}</p>;
  const can = selection.value.size > 0 && label.trim() !== "";
  const changed = changedHere.value;
  return (
    <section class="card box stack" aria-label={words.bulk}>
      {keys.length > 0 && (
        <div class="chips" aria-label={words.byKey}>
          {keys.map((name, at) => (
            <button
              key={name}
              class="chip"
              data-testid={`label-key-${at + 1}`}
              title={words.key(at + 1)}
              onClick={() => void give(name, "add", wanted())}
            >
              <kbd>{at + 1}</kbd>
              <span>{name}</span>
            </button>
          ))}
        </div>
      )}
      <div class="row">
        <input
          list="known-labels"
          value={label}
          placeholder={words.label}
          aria-label={words.label}
          data-testid="bulk-label"
          onInput={(event) => setLabel(event.currentTarget.value)}
        />
        <datalist id="known-labels">
          {labels.map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
        <button
          class="full"
          disabled={!can}
          data-testid="bulk-add"
          onClick={() => void give(label.trim(), "add", [...selection.peek()])}
        >
          {words.add}
        </button>
        <button
          disabled={!can}
          data-testid="bulk-remove"
          onClick={() => void give(label.trim(), "remove", [...selection.peek()])}
        >
          {words.remove}
        </button>
        <button disabled={!canUndoLabels.value} data-testid="undo-labels" onClick={() => void undoLabels()}>
          <Undo2 aria-hidden="true" />
          {words.takeBack}
        </button>
        <button data-testid="label-history" onClick={() => setHistory(true)}>
          <History aria-hidden="true" />
          {words.history}
        </button>
        <Tables where={where} />
        <span class="push row">
          <span class="note">
            {changed ? words.changedHere(changed) : words.learns}
          </span>
          <button class="key" data-testid="to-adapt" onClick={() => go("adapt")}>
            <Sparkles aria-hidden="true" />
            {words.adapt}
          </button>
        </span>
      </div>
      {history && <ChangesDialog onClose={() => setHistory(false)} />}
    </section>
  );
}
