/** What was changed in the labels of this gallery, by whom and when; each change can be undone. */
import { useEffect, useState } from "preact/hooks";
import { api } from "../../api";
import { clock, messages } from "../../messages";
import type { LoggedChange } from "../../types";
import { Dialog } from "../../ui/Dialog";
import { sayProblem } from "../../ui/notice";
import { undoChange } from "./changes";

const LIMIT = 50;

export function ChangesDialog({ onClose }: { onClose: () => void }) {
  const words = messages.value.labels;
  const [items, setItems] = useState<readonly LoggedChange[] | null>(null);
  const [cursor, setCursor] = useState<string | null>(null);
  const load = (from: string | null, before: readonly LoggedChange[]): void =>
    void api
      .labelChanges(LIMIT, from)
      .then((page) => (setItems([...before, ...page.items]), setCursor(page.next_cursor)), sayProblem);
  useEffect(() => load(null, []), []);
  const undo = async (number: number): Promise<void> => {
    await undoChange(number);
    load(null, []);
  };
  return (
    <Dialog title={words.changes} onClose={onClose} wide testid="label-changes">
      {items?.length === 0 && <p class="muted">{words.noChange}</p>}
      {items && items.length > 0 && (
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th>{words.when}</th>
                <th>{words.by}</th>
                <th>{words.records}</th>
                <th>{words.added}</th>
                <th>{words.removed}</th>
                <th />
              </tr>
            </thead>
            <tbody>
              {items.map((one) => (
                <tr key={one.number} data-testid="label-change">
                  <td>{clock(one.time)}</td>
                  <td>{one.by || "–"}</td>
                  <td>{messages.value.common.records(one.records)}</td>
                  <td>{one.added.join(", ") || "–"}</td>
                  <td>{one.removed.join(", ") || "–"}</td>
                  <td>
                    {one.undone ? (
                      <span class="muted">{words.undone}</span>
                    ) : (
                      <button aria-label={words.undoChange(one.number)} onClick={() => void undo(one.number)}>
                        {words.undo}
                      </button>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <footer>
        {cursor && <button onClick={() => load(cursor, items ?? [])}>{words.earlier}</button>}
        <button class="full" onClick={onClose}>
          {messages.value.common.close}
        </button>
      </footer>
    </Dialog>
  );
}
