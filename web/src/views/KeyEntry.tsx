/** Asked for when the server answers 401: sign in, or give a key, which is kept for this tab only. */
import { useState } from "preact/hooks";
import { key } from "../api";
import { signInFailed } from "../comeback";
import { refresh } from "../search";
import { loadSession, session, signIn } from "../session";
import { Dialog } from "../ui/Dialog";

const WHY = {
  refused: "That did not sign you in. Try again; if it does not work a second time, ask your administrator.",
  unavailable: "The identity provider does not answer. Try again in a minute; if it still does not, ask your administrator.",
};

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
      {people && signInFailed.value && (
        <p class="alert" role="alert" data-testid="sign-in-failed">
          {WHY[signInFailed.value]}
        </p>
      )}
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
