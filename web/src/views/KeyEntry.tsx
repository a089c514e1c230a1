/** Asked for when the server answers 401: sign in, or give a key, which is kept for this tab only. */
import { useState } from "preact/hooks";
import { key } from "../api";
import { signInFailed } from "../comeback";
import { messages } from "../messages";
import { refresh } from "../search";
import { loadSession, session, signIn } from "../session";
import { Dialog } from "../ui/Dialog";

export function KeyEntry() {
  const words = messages.value.signIn;
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
      title={people ? words.title : words.needsKey}
      onClose={() => undefined}
      stays
      testid="key-entry"
    >
      {people && signInFailed.value && (
        <p class="alert" role="alert" data-testid="sign-in-failed">
          {words[signInFailed.value]}
        </p>
      )}
      {people && (
        <>
          <button class="full" autofocus onClick={signIn} data-testid="sign-in">
            {words.signIn}
          </button>
          <p class="muted">{words.orKey}</p>
        </>
      )}
      {!people && (
        <p class="muted">{words.askForKey}</p>
      )}
      {refused && (
        <p class="alert" role="alert" data-testid="key-refused">
          {words.keyRefused}
        </p>
      )}
      <form class="stack" onSubmit={use}>
        <input
          type="password"
          autocomplete="off"
          autofocus={!people}
          value={written}
          aria-label={words.key}
          data-testid="key"
          onInput={(event) => setWritten(event.currentTarget.value)}
        />
        <footer>
          <button class={people ? "" : "full"} disabled={!written.trim()}>
            {words.useKey}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
