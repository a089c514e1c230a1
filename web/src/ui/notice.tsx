/** One line that says what was done, for a few seconds. */
import { signal } from "@preact/signals";
import { Problem } from "../api";

const words = signal("");
let timer = 0;

export function say(text: string): void {
  words.value = text;
  clearTimeout(timer);
  timer = window.setTimeout(() => (words.value = ""), 6000);
}

/** But not that somebody has to sign in: the page asks for that already. */
export const sayProblem = (error: unknown): void => {
  if (!(error instanceof Problem && error.status === 401)) say((error as Error).message);
};

export function Notice() {
  return (
    <div role="status" aria-live="polite">
      {words.value && (
        <div class="toast" data-testid="notice">
          {words.value}
        </div>
      )}
    </div>
  );
}
