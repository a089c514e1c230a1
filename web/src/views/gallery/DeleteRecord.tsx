/** Says what goes before it goes: a record, or everything of its patient. */
import { useEffect, useState } from "preact/hooks";
import { api } from "../../api";
import { refresh } from "../../search";
import type { Stored } from "../../types";
import { Dialog } from "../../ui/Dialog";
import { fileName } from "../../ui/facts";
import { say, sayProblem } from "../../ui/notice";
import { counted } from "../../ui/small";
import { quoted } from "../../where";

const MOST = 1000;

export function DeleteRecord({ record, onClose }: { record: Stored; onClose: () => void }) {
  const [patient, setPatient] = useState(false);
  const [theirs, setTheirs] = useState<number | null>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    if (!record.patient) return;
    api.records(`patient=${quoted(record.patient)}`, MOST, null).then(
      (page) => setTheirs(page.items.length),
      () => undefined,
    );
  }, [record.patient]);
  const remove = async (): Promise<void> => {
    setBusy(true);
    try {
      if (patient) await api.deletePatient(record.patient);
      else await api.deleteRecord(record.id);
      say(patient ? "The patient's records are gone, everywhere." : "The record is gone, everywhere.");
      onClose();
      await refresh();
    } catch (error) {
      setBusy(false);
      sayProblem(error);
    }
  };
  const count =
    theirs === null ? "records" : theirs >= MOST ? `${MOST} or more records` : counted(theirs, "record");
  return (
    <Dialog title="Delete from the gallery" onClose={onClose} testid="delete-dialog">
      <fieldset class="stack">
        <legend class="sr">What to delete</legend>
        <label class="row">
          <input
            type="radio"
            name="what"
            checked={!patient}
            onChange={() => setPatient(false)}
            data-testid="delete-record"
          />
          This record: {fileName(record.source)}
        </label>
        {record.patient && (
          <label class="row">
            <input
              type="radio"
              name="what"
              checked={patient}
              onChange={() => setPatient(true)}
              data-testid="delete-patient"
            />
            Everything of its patient: {count}
          </label>
        )}
      </fieldset>
      <p class="note" data-testid="what-goes">
        What goes: {patient ? `all ${count} of this patient` : "the record"} with labels, attributes, vectors in
        every space, patches, thumbnails, the place in the index, maps and copies of uploads. What stays: files
        outside the gallery, and what adapters have learnt already; train them again to be sure. This cannot be
        undone.
      </p>
      <footer>
        <button onClick={onClose}>Keep</button>
        <button class="danger" disabled={busy} data-testid="delete-confirm" onClick={() => void remove()}>
          Delete {patient ? "the patient" : "the record"}
        </button>
      </footer>
    </Dialog>
  );
}
