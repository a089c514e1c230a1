/** What was changed in the labels of this gallery, by whom and when; each change can be undone. */
import { useEffect, useState } from "preact/hooks";
import { api } from "../../api";
import type { LoggedChange } from "../../types";
import { Dialog } from "../../ui/Dialog";
import { sayProblem } from "../../ui/notice";
import { counted } from "../../ui/small";
import { undoChange } from "./changes";

const LIMIT = 50;

export function ChangesDialog({ onClose }: { onClose: () => void }) {
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
    <Dialog title="Changes of labels" onClose={onClose} wide testid="label-changes">
      {items?.length === 0 && <p class="muted">No label was changed by hand.</p>}
      {items && items.length > 0 && (
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th>When</th>
                <th>By</th>
                <th>Records</th>
                <th>Added</th>
                <th>Removed</th>
                <th />
              </tr>
            </thead>
            <tbody>
              {items.map((one) => (
                <tr key={one.number} data-testid="label-change">
                  <td>{new Date(one.time * 1000).toLocaleString("en-GB")}</td>
                  <td>{one.by || "–"}</td>
                  <td>{counted(one.records, "record")}</td>
                  <td>{one.added.join(", ") || "–"}</td>
                  <td>{one.removed.join(", ") || "–"}</td>
                  <td>
                    {one.undone ? (
                      <span class="muted">undone</span>
                    ) : (
                      <button aria-label={`Undo change ${one.number}`} onClick={() => void undo(one.number)}>
                        Undo
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
        {cursor && <button onClick={() => load(cursor, items ?? [])}>Earlier ones</button>}
        <button class="full" onClick={onClose}>
          Close
        </button>
      </footer>
    </Dialog>
  );
}
