/** A button that drops a record, which is to remove it: for admins. Of a pair contributors mark one, for an admin. */
import { useState } from "preact/hooks";
import { messages } from "../../../messages";
import { gallery } from "../../../state";
import { sayProblem } from "../../../ui/notice";
import { RemoveRecords } from "../RemoveRecords";
import { decide, decisionOf } from "./decided";

export function Drop({ id, name = "" }: { id: string; name?: string }) {
  const [asked, setAsked] = useState(false);
  const words = messages.value.curation;
  if (name && gallery.value?.role === "contributor" && !decisionOf({ audit: "duplicates", ids: [id] })) {
    return (
      <button
        data-testid="mark"
        data-id={id}
        title={words.meaning.drop}
        onClick={() => void decide({ audit: "duplicates", ids: [id] }, "drop").catch(sayProblem)}
      >
        {words.mark(name)}
      </button>
    );
  }
  if (gallery.value?.role !== "admin") return null;
  return (
    <>
      <button class="danger" data-testid="drop" data-id={id} onClick={() => setAsked(true)}>
        {words.drop(name)}
      </button>
      {asked && <RemoveRecords ids={[id]} onClose={() => setAsked(false)} />}
    </>
  );
}
