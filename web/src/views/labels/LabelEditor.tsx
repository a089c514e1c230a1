/** The labels of one record, changed by hand. */
import { X } from "lucide-preact";
import { useState } from "preact/hooks";
import { messages } from "../../messages";
import { gallery } from "../../state";
import { Dialog } from "../../ui/Dialog";
import { sayProblem } from "../../ui/notice";
import { changeLabels } from "./changes";

export function LabelEditor({ id, labels, onClose }: { id: string; labels: string[]; onClose: () => void }) {
  const words = messages.value.labels;
  const [chosen, setChosen] = useState(labels);
  const [written, setWritten] = useState("");
  const known = (gallery.value?.labels ?? []).filter((one) => !chosen.includes(one));
  const add = (label: string): void => {
    const clean = label.trim();
    if (clean && !chosen.includes(clean)) setChosen([...chosen, clean]);
    setWritten("");
  };
  const save = async (): Promise<void> => {
    try {
      await changeLabels({ ids: [id], set: written.trim() ? [...chosen, written.trim()] : chosen });
      onClose();
    } catch (error) {
      sayProblem(error);
    }
  };
  return (
    <Dialog title={words.edit} onClose={onClose} testid="label-editor">
      <div class="chips" aria-label={words.ofRecord}>
        {chosen.map((label) => (
          <button
            key={label}
            class="chip on"
            aria-label={words.removeLabel(label)}
            onClick={() => setChosen(chosen.filter((one) => one !== label))}
          >
            <span>{label}</span>
            <X aria-hidden="true" />
          </button>
        ))}
        {chosen.length === 0 && <span class="muted">{messages.value.common.noLabel}</span>}
      </div>
      <form class="find" onSubmit={(event) => (event.preventDefault(), add(written))}>
        <input
          autofocus
          value={written}
          aria-label={words.another}
          placeholder={words.another}
          data-testid="new-label"
          onInput={(event) => setWritten(event.currentTarget.value)}
        />
        <button>{words.addOne}</button>
      </form>
      {known.length > 0 && (
        <div class="chips" aria-label={words.ofGallery}>
          {known.slice(0, 40).map((label) => (
            <button key={label} class="chip" onClick={() => add(label)}>
              <span>+ {label}</span>
            </button>
          ))}
        </div>
      )}
      <footer>
        <button onClick={onClose}>{messages.value.common.cancel}</button>
        <button class="full" data-testid="save-labels" onClick={() => void save()}>
          {words.save}
        </button>
      </footer>
    </Dialog>
  );
}
