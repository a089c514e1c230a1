/** Shown when the server answers 401. Nobody signs in inside a frame: identity providers refuse to be framed. */
import { useState } from "preact/hooks";
import { key } from "../api";
import { session } from "../session";

export function Locked() {
  const [written, setWritten] = useState("");
  const use = (event: Event): void => {
    event.preventDefault();
    key.set(written.trim());
  };
  return (
    <main class="panel stack" data-testid="locked">
      <h1>Similar studies</h1>
      {session.value?.sign_in && (
        <p class="row">
          <a class="button" href="./" target="_blank" rel="noreferrer">
            Sign in, in a window of its own
          </a>
          <button onClick={() => location.reload()}>Then go on</button>
        </p>
      )}
      <form class="stack" onSubmit={use}>
        <label class="field">
          {key.get() ? "That key was not accepted; another one:" : "The key of this gallery, kept in this tab alone:"}
          <input
            type="password"
            autocomplete="off"
            value={written}
            data-testid="key"
            onInput={(event) => setWritten(event.currentTarget.value)}
          />
        </label>
        <button class="full" disabled={!written.trim()}>
          Use this key
        </button>
      </form>
    </main>
  );
}
