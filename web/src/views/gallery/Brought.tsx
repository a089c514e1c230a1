/** What a job that added images has come to, and which files it set apart as no images. */
import { messages } from "../../messages";
import type { Job } from "../../types";
import { fileName } from "../../ui/facts";
import { FromServer } from "../../ui/FromServer";
import { metSentences, takenBy, takenSentence } from "./taken";

const MOST_LISTED = 200;

export function Brought({ job }: { job: Job }) {
  const { result, state } = job;
  if (!result || !("set_apart" in result)) return null;
  const apart = result.set_apart;
  return (
    <>
      <p class="note" data-testid="brought">
        {takenSentence(takenBy(job), state)}
      </p>
      {metSentences(result.labels).map((sentence) => (
        <p class="note" key={sentence} data-testid="brought-note">
          {sentence}
        </p>
      ))}
      {result.notes.map((note) => (
        <p class="note" key={note} data-testid="brought-note">
          <FromServer said={messages.value.audits.note(note)} />
        </p>
      ))}
      {apart.length > 0 && (
        <details>
          <summary class="note">{messages.value.holdings.setApart}</summary>
          <ul class="note" data-testid="set-apart">
            {apart.slice(0, MOST_LISTED).map(({ source, kind }, at) => (
              <li key={at}>
                <span class="tag">{kind}</span> {fileName(source)}
              </li>
            ))}
            {apart.length > MOST_LISTED && <li>{messages.value.common.andMore(apart.length - MOST_LISTED)}</li>}
          </ul>
        </details>
      )}
    </>
  );
}
