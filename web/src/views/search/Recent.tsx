/** The questions asked before in this browser, to be asked again. */
import { paths } from "../../api";
import { messages } from "../../messages";
import { forgetRecent, mayBeKept, recent, told } from "../../recent";
import { ask } from "../../state";
import type { Asking } from "../../route";
import { Dialog } from "../../ui/Dialog";
import { Picture } from "../../ui/Picture";

/** The record that stands for a question; null for words and for what was sent. */
function recordOf({ asked, positive }: Asking): string | null {
  if (asked?.kind === "record" || asked?.kind === "study") return asked.id;
  if (asked?.kind === "records") return asked.ids[0] ?? null;
  return asked ? null : (positive[0] ?? null);
}

export function Recent({ onClose }: { onClose: () => void }) {
  const words = messages.value.search;
  return (
    <Dialog title={words.askedBefore} onClose={onClose} testid="recent">
      <p class="note">
        {words.recentKept}
      </p>
      <ul class="recents">
        {recent.value.map((asking, at) => {
          const id = recordOf(asking);
          return (
            <li key={at}>
              <button data-testid="recent-query" autofocus={at === 0} onClick={() => (onClose(), ask(asking))}>
                <span class="thumb">{id && <Picture path={paths.thumbnail(id)} alt="" lazy />}</span>
                <span class="words">{told(asking)}</span>
                {!mayBeKept(asking) && <span class="note">{words.thisTab}</span>}
              </button>
            </li>
          );
        })}
      </ul>
      <footer>
        <button data-testid="forget-recent" onClick={() => (forgetRecent(), onClose())}>
          {words.forgetAll}
        </button>
        <button onClick={onClose}>{messages.value.common.close}</button>
      </footer>
    </Dialog>
  );
}
