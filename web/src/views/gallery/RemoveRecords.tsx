/** Asks before records go, and says what goes and that it cannot be undone. */
import { useState } from "preact/hooks";
import { api } from "../../api";
import { messages } from "../../messages";
import { refresh } from "../../search";
import { Dialog } from "../../ui/Dialog";
import { say, sayProblem } from "../../ui/notice";
import { forget } from "./curation/decided";

interface Props {
  ids: readonly string[];
  onClose: () => void;
  onRemoved?: () => void;
}

export function RemoveRecords({ ids, onClose, onRemoved }: Props) {
  const [busy, setBusy] = useState(false);
  const words = messages.value.removal;
  const remove = async (): Promise<void> => {
    setBusy(true);
    try {
      const { records } = await api.removeRecords({ ids: [...ids] });
      forget(ids);
      say(words.removed(records));
      onClose();
      onRemoved?.();
      await refresh();
    } catch (error) {
      setBusy(false);
      sayProblem(error);
    }
  };
  return (
    <Dialog title={words.title(ids.length)} onClose={onClose} testid="remove-dialog">
      <p>{words.goes(ids.length)}</p>
      <p class="note">{words.stays}</p>
      <p>
        <strong>{words.noUndo}</strong>
      </p>
      <footer>
        <button onClick={onClose}>{words.keep}</button>
        <button class="danger" disabled={busy} data-testid="remove-confirm" onClick={() => void remove()}>
          {words.remove(ids.length)}
        </button>
      </footer>
    </Dialog>
  );
}
