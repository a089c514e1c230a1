/** A button that drops a record, which is to remove it: for admins; others are told so. */
import { useState } from "preact/hooks";
import { messages } from "../../../messages";
import { gallery } from "../../../state";
import { RemoveRecords } from "../RemoveRecords";

export function Drop({ id, name = "" }: { id: string; name?: string }) {
  const [asked, setAsked] = useState(false);
  const words = messages.value.curation;
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
