/** For admins of several galleries: bring the records of others into this one, and hear what came and what did not. */
import { Merge as MergeSign } from "lucide-preact";
import { useState } from "preact/hooks";
import { api } from "../../api";
import { otherGalleries } from "../../galleries";
import { ended, jobs } from "../../jobs";
import { messages } from "../../messages";
import { refresh } from "../../search";
import type { Merged } from "../../types";
import { FromServer } from "../../ui/FromServer";
import { sayProblem } from "../../ui/notice";
import { reasonsOf } from "./merged";

export function Merge() {
  const words = messages.value.merging;
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const [busy, setBusy] = useState(false);
  const offered = otherGalleries.value.filter(({ role }) => role === "admin");
  const last = jobs.value.find(({ kind, state, result }) => kind === "merge" && state === "done" && result);
  const start = async (): Promise<void> => {
    setBusy(true);
    try {
      await ended(await api.merge({ galleries: [...chosen] }));
      setChosen([]);
      await refresh();
    } catch (error) {
      sayProblem(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <section class="stack" aria-label={words.title} data-testid="merge">
      <h3>{words.title}</h3>
      <p class="note">{offered.length ? words.what : words.none}</p>
      {offered.map(({ name, title, records }) => (
        <label class="row" key={name}>
          <input
            type="checkbox"
            class="choose"
            checked={chosen.includes(name)}
            data-testid={`merge-${name}`}
            onChange={(event) =>
              setChosen(event.currentTarget.checked ? [...chosen, name] : chosen.filter((one) => one !== name))
            }
          />
          {title} <span class="muted">{messages.value.frame.records(records)}</span>
        </label>
      ))}
      {offered.length > 0 && (
        <div class="row">
          <button disabled={busy || chosen.length === 0} data-testid="merge-start" onClick={() => void start()}>
            <MergeSign aria-hidden="true" />
            {busy ? words.atWork : words.start}
          </button>
        </div>
      )}
      {last && <Told merged={last.result as Merged} />}
    </section>
  );
}

function Told({ merged }: { merged: Merged }) {
  const words = messages.value.merging;
  return (
    <div class="stack" data-testid="merged">
      <p>
        {words.came(merged.added, merged.there)} {words.beside(merged.decisions, merged.readings, merged.reports)}
      </p>
      {merged.left_out.length > 0 && <p>{words.leftOut(merged.left_out.length, reasonsOf(merged.left_out))}</p>}
      {merged.labels_differ.length > 0 && <p>{words.labelsDiffer(merged.labels_differ.length)}</p>}
      <ul>
        {merged.notes.map((note) => (
          <li class="note" key={note}>
            <FromServer said={messages.value.audits.note(note)} />
          </li>
        ))}
      </ul>
    </div>
  );
}
