/** Asked for when the server answers 401. The key is kept for this tab only. */
import { useState } from "preact/hooks";
import { key } from "../api";
import { refresh } from "../search";
import { Dialog } from "../ui/Dialog";

export function KeyEntry() {
  const [written, setWritten] = useState("");
  const refused = key.get() !== ""; // one was given, and the server asks again
  const use = (event: Event): void => {
    event.preventDefault();
    key.set(written.trim());
    void refresh();
  };
  return (
    <Dialog title="This gallery needs a key" onClose={() => undefined} stays testid="key-entry">
      <p class="muted">Ask its administrator for one. The key is kept in this tab and forgotten when it closes.</p>
      {refused && (
        <p class="alert" role="alert" data-testid="key-refused">
          That key was not accepted.
        </p>
      )}
      <form class="stack" onSubmit={use}>
        <input
          type="password"
          autocomplete="off"
          autofocus
          value={written}
          aria-label="Key"
          data-testid="key"
          onInput={(event) => setWritten(event.currentTarget.value)}
        />
        <footer>
          <button class="full" disabled={!written.trim()}>
            Use this key
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
