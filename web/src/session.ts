/** Who is here: signed in at an identity provider, with a key of this tab, or nobody the server knows. */
import { signal } from "@preact/signals";
import { api, key, locked } from "./api";
import { leave } from "./comeback";
import { forgetRecent } from "./recent";
import type { Session } from "./types";

export const session = signal<Session | null>(null);

/** Ask the server who it takes this browser for. It answers everybody, so nothing needs to be there first. */
export async function loadSession(): Promise<void> {
  try {
    session.value = await api.session();
  } catch {
    session.value = null; // the server is gone, which the page says elsewhere
  }
}

/** Leave for the identity provider; what was asked is asked again on the way back. */
export function signIn(): void {
  leave();
  location.assign("session/sign-in");
}

/** End the session here, and lead to the identity provider to end it there too, where it has such a page. */
export async function signOut(): Promise<void> {
  const means = session.value?.means;
  forgetRecent();
  key.set("");
  if (means === "oidc") {
    const { address } = await api.signOut();
    if (address) {
      location.assign(address);
      return;
    }
  }
  location.reload(); // nothing of what was shown stays
}

/** After a key or a session was refused. */
locked.subscribe((isLocked) => {
  if (isLocked) void loadSession();
});
