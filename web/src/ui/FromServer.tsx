/** What the server says of what it found: in the page's language where that has it, else marked as English. */
import type { Said } from "../messages/en/audits";

export function FromServer({ said, quiet = false }: { said: Said; quiet?: boolean }) {
  return (
    <span class={quiet ? "muted" : ""} lang={said.isTranslated ? undefined : "en"}>
      {said.text}
    </span>
  );
}
