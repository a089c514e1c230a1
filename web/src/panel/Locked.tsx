/** Shown when the server answers 401. Nobody signs in inside a frame: identity providers refuse to be framed. */
import { useState } from "preact/hooks";
import { key } from "../api";
import { messages } from "../messages";
import { session } from "../session";

export function Locked() {
  const words = messages.value.panel;
  const [written, setWritten] = useState("");
  const use = (event: Event): void => {
    event.preventDefault();
    key.set(written.trim());
  };
  return (
    <main class="panel stack" data-testid="locked">
      <h1>{words.title}</h1>
      {session.value?.sign_in && (
        <p class="row">
          <a class="button" href="./" target="_blank" rel="noreferrer">
            {words.signIn}
          </a>
          <button onClick={() => location.reload()}>{words.goOn}</button>
        </p>
      )}
      <form class="stack" onSubmit={use}>
        <label class="field">
          {key.get() ? words.keyRefused : words.key}
          <input
            type="password"
            autocomplete="off"
            value={written}
            data-testid="key"
            onInput={(event) => setWritten(event.currentTarget.value)}
          />
        </label>
        <button class="full" disabled={!written.trim()}>
          {words.useKey}
        </button>
      </form>
    </main>
  );
}
