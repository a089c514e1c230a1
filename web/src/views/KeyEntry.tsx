/** Asked for when the server answers 401: sign in, or give a key, which is kept for this tab only. */
import { useState } from "preact/hooks";
import { key } from "../api";
import { refresh } from "../search";
import { loadSession, session, signIn } from "../session";
import { Dialog } from "../ui/Dialog";

export function KeyEntry() {
  const [written, setWritten] = useState("");
  const refused = key.get() !== ""; // one was given, and the server asks again
  const people = session.value?.sign_in ?? false;
  const use = (event: Event): void => {
    event.preventDefault();
    key.set(written.trim());
    void loadSession();
    void refresh();
  };
  return (
    <Dialog
      title={people ? "Sign in to see this gallery" : "This gallery needs a key"}
      onClose={() => undefined}
      stays
      testid="key-entry"
    >
      {people && (
        <>
          <button class="full" autofocus onClick={signIn} data-testid="sign-in">
            Sign in
          </button>
          <p class="muted">Or with a key:</p>
        </>
      )}
      {!people && (
        <p class="muted">Ask its administrator for one. The key is kept in this tab and forgotten when it closes.</p>
      )}
      {refused && (
        <p class="alert" role="alert" data-testid="key-refused">
          That key was not accepted.
        </p>
      )}
      <form class="stack" onSubmit={use}>
        <input
          type="password"
          autocomplete="off"
          autofocus={!people}
          value={written}
          aria-label="Key"
          data-testid="key"
          onInput={(event) => setWritten(event.currentTarget.value)}
        />
        <footer>
          <button class={people ? "" : "full"} disabled={!written.trim()}>
            Use this key
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
