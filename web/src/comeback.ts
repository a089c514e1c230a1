/** What was asked survives a way to the identity provider and back: addresses lose what follows their #. */
const KEPT = "lookalike-return";

export function leave(): void {
  sessionStorage.setItem(KEPT, location.hash);
}

/** Where the page was when somebody left it; called before anything reads the address. */
export function comeBack(): void {
  const kept = sessionStorage.getItem(KEPT);
  sessionStorage.removeItem(KEPT);
  if (kept && !location.hash) history.replaceState(null, "", kept);
}
