/** Saves records by a name, with what chose them. */
import { BookmarkPlus } from "lucide-preact";
import { useState } from "preact/hooks";
import { api } from "../../api";
import { messages } from "../../messages";
import { mayChange } from "../../state";
import type { Bodies } from "../../types";
import { Dialog } from "../../ui/Dialog";
import { say, sayProblem } from "../../ui/notice";

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
  if (!mayChange.value) return null;
  return (
    <>
      <button class="chip" data-testid={testid} onClick={() => setAsked(true)}>
        <BookmarkPlus aria-hidden="true" />
        {messages.value.cohorts.save}
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
  const words = messages.value.cohorts;
  const [name, setName] = useState("");
  const [busy, setBusy] = useState(false);
  const save = async (): Promise<void> => {
    setBusy(true);
    try {
      const { cohort } = await api.saveCohort({ ...choice, name: name.trim() });
      say(words.saved(cohort.members, cohort.name));
      onClose();
      onSaved?.();
    } catch (error) {
      setBusy(false);
      sayProblem(error);
    }
  };
  return (
    <Dialog title={words.save} onClose={onClose} testid="cohort-dialog">
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <p class="note">{what}</p>
        <label class="field">
          {words.name}
          <input
            value={name}
            maxLength={64}
            data-testid="cohort-name"
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </label>
        <footer>
          <button type="button" onClick={onClose}>
            {messages.value.common.cancel}
          </button>
          <button class="full" disabled={busy || !name.trim()} data-testid="cohort-save">
            {words.saveIt}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
