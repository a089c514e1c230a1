/** What contributors have marked to be dropped: an admin removes it here, after a question. */
import { useState } from "preact/hooks";
import { messages } from "../../../messages";
import { gallery } from "../../../state";
import { sayProblem } from "../../../ui/notice";
import { RemoveRecords } from "../RemoveRecords";
import { loadDecisions, marked } from "./decided";

export function Marked() {
  const [asked, setAsked] = useState(false);
  const words = messages.value.curation;
  const ids = marked();
  if (ids.length === 0) return null;
  return (
    <p class="row" data-testid="marked">
      {words.marked(ids.length)}{" "}
      {gallery.value?.role === "admin" ? (
        <button class="danger" data-testid="drop-marked" onClick={() => setAsked(true)}>
          {words.dropMarked}
        </button>
      ) : (
        words.askAdmin
      )}
      {asked && (
        <RemoveRecords
          ids={ids}
          onClose={() => setAsked(false)}
          onRemoved={() => void loadDecisions().catch(sayProblem)}
        />
      )}
    </p>
  );
}
