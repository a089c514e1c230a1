/** Saves records by a name, with what chose them. */
import { BookmarkPlus } from "lucide-preact";
import { useState } from "preact/hooks";
import { api } from "../../api";
import { gallery } from "../../state";
import type { Bodies } from "../../types";
import { Dialog } from "../../ui/Dialog";
import { say, sayProblem } from "../../ui/notice";
import { counted } from "../../ui/small";

export type Choice = Omit<Bodies["SaveCohort"], "name">;

interface Props {
  /** What chooses the records. */
  choice: Choice;
  /** What is saved, in words. */
  what: string;
  testid: string;
  onSaved?: () => void;
}

/** The button, for who may save. */
export function SaveCohort({ choice, what, testid, onSaved }: Props) {
  const [asked, setAsked] = useState(false);
  if (gallery.value?.role === "reader") return null;
  return (
    <>
      <button class="chip" data-testid={testid} onClick={() => setAsked(true)}>
        <BookmarkPlus aria-hidden="true" />
        Save as a cohort
      </button>
      {asked && <Naming choice={choice} what={what} onClose={() => setAsked(false)} onSaved={onSaved} />}
    </>
  );
}

function Naming({
  choice,
  what,
  onClose,
  onSaved,
}: {
  choice: Choice;
  what: string;
  onClose: () => void;
  onSaved: (() => void) | undefined;
}) {
  const [name, setName] = useState("");
  const [busy, setBusy] = useState(false);
  const save = async (): Promise<void> => {
    setBusy(true);
    try {
      const { cohort } = await api.saveCohort({ ...choice, name: name.trim() });
      say(`${counted(cohort.members, "record")} saved as “${cohort.name}”: gallery, cohorts.`);
      onClose();
      onSaved?.();
    } catch (error) {
      setBusy(false);
      sayProblem(error);
    }
  };
  return (
    <Dialog title="Save as a cohort" onClose={onClose} testid="cohort-dialog">
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <p class="note">{what}</p>
        <label class="field">
          Name
          <input
            value={name}
            maxLength={64}
            data-testid="cohort-name"
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </label>
        <footer>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button class="full" disabled={busy || !name.trim()} data-testid="cohort-save">
            Save
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
