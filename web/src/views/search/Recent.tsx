/** The questions asked before in this browser, to be asked again. */
import { paths } from "../../api";
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
  return (
    <Dialog title="Asked before" onClose={onClose} testid="recent">
      <p class="note">
        Kept in this browser alone, for you alone, and forgotten when you sign out. Uploads, words for reports, dates and
        expressions of your own are kept for as long as this tab is open.
      </p>
      <ul class="recents">
        {recent.value.map((asking, at) => {
          const id = recordOf(asking);
          return (
            <li key={at}>
              <button data-testid="recent-query" autofocus={at === 0} onClick={() => (onClose(), ask(asking))}>
                <span class="thumb">{id && <Picture path={paths.thumbnail(id)} alt="" lazy />}</span>
                <span class="words">{told(asking)}</span>
                {!mayBeKept(asking) && <span class="note">this tab</span>}
              </button>
            </li>
          );
        })}
      </ul>
      <footer>
        <button data-testid="forget-recent" onClick={() => (forgetRecent(), onClose())}>
          Forget all
        </button>
        <button onClick={onClose}>Close</button>
      </footer>
    </Dialog>
  );
}
