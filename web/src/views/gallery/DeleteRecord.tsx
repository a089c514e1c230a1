/** Says what goes before it goes: a record, or everything of its patient. */
import { useEffect, useState } from "preact/hooks";
import { api } from "../../api";
import { messages } from "../../messages";
import { refresh } from "../../search";
import type { Stored } from "../../types";
import { Dialog } from "../../ui/Dialog";
import { fileName } from "../../ui/facts";
import { say, sayProblem } from "../../ui/notice";
import { quoted } from "../../where";

const MOST = 1000;

export function DeleteRecord({ record, onClose }: { record: Stored; onClose: () => void }) {
  const words = messages.value.holdings;
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
      say(words.gone[patient ? "patient" : "record"]);
      onClose();
      await refresh();
    } catch (error) {
      setBusy(false);
      sayProblem(error);
    }
  };
  const count =
    theirs === null
      ? words.someRecords
      : theirs >= MOST
        ? words.orMore(MOST)
        : messages.value.common.records(theirs);
  return (
    <Dialog title={words.delete} onClose={onClose} testid="delete-dialog">
      <fieldset class="stack">
        <legend class="sr">{words.whatToDelete}</legend>
        <label class="row">
          <input
            type="radio"
            name="what"
            checked={!patient}
            onChange={() => setPatient(false)}
            data-testid="delete-record"
          />
          {words.thisRecord(fileName(record.source))}
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
            {words.allOfPatient(count)}
          </label>
        )}
      </fieldset>
      <p class="note" data-testid="what-goes">
        {words.goes(patient ? count : null)}
      </p>
      <footer>
        <button onClick={onClose}>{messages.value.common.keep}</button>
        <button class="danger" disabled={busy} data-testid="delete-confirm" onClick={() => void remove()}>
          {words.deleteIt[patient ? "patient" : "record"]}
        </button>
      </footer>
    </Dialog>
  );
}
