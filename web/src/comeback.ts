import { signal } from "@preact/signals";

/** What was asked survives a way to the identity provider and back: addresses lose what follows their #. */
const KEPT = "lookalike-return";

export function leave(): void {
  sessionStorage.setItem(KEPT, location.hash);
}

/** Why signing in did not work, as the way back says. */
export const signInFailed = signal<"refused" | "unavailable" | null>(null);

/** Where the page was when somebody left it; called before anything reads the address. */
export function comeBack(): void {
  const kept = sessionStorage.getItem(KEPT);
  sessionStorage.removeItem(KEPT);
  if (kept && !location.hash) history.replaceState(null, "", kept);
  const why = new URLSearchParams(location.search).get("sign-in");
  if (why === "refused" || why === "unavailable") {
    signInFailed.value = why;
    history.replaceState(null, "", location.pathname + location.hash); // a reload does not say it again
  }
}
