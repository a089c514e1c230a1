/** A page of the gallery to pick the query from. */
import { useEffect, useState } from "preact/hooks";
import { api, paths } from "../../api";
import { messages } from "../../messages";
import { searchFor } from "../../state";
import type { Stored } from "../../types";
import { Dialog } from "../../ui/Dialog";
import { factsOf, fileName } from "../../ui/facts";
import { sayProblem } from "../../ui/notice";
import { Picture } from "../../ui/Picture";
import { quoted, writable } from "../../where";

const PAGE = 48;

/** Words are looked for in file names and labels. */
export const wordsFilter = (words: string): string | null =>
  words && writable(words) ? `(source~${quoted(words)} or label~${quoted(words)})` : null;

export function RecordPicker({ words, onClose }: { words: string; onClose: () => void }) {
  const says = messages.value.search;
  const [written, setWritten] = useState(words);
  const [found, setFound] = useState<Stored[] | null>(null);
  const [cursor, setCursor] = useState<string | null>(null);
  useEffect(() => {
    const abort = new AbortController();
    const timer = setTimeout(() => {
      api.records(wordsFilter(written.trim()), PAGE, null, abort.signal).then(
        (page) => (setFound(page.items), setCursor(page.next_cursor)),
        (error: Error) => abort.signal.aborted || sayProblem(error),
      );
    }, 120);
    return () => (clearTimeout(timer), abort.abort());
  }, [written]);
  const more = (): void =>
    void api
      .records(wordsFilter(written.trim()), PAGE, cursor)
      .then((page) => (setFound([...(found ?? []), ...page.items]), setCursor(page.next_cursor)), sayProblem);
  return (
    <Dialog title={says.pickRecord} onClose={onClose} wide testid="picker">
      <input
        autofocus
        type="search"
        value={written}
        placeholder={says.fileOrLabel}
        aria-label={says.fileOrLabel}
        onInput={(event) => setWritten(event.currentTarget.value)}
      />
      <div class="tiles large">
        {found?.map((record) => (
          <button
            class="tile"
            key={record.id}
            data-testid="picker-record"
            data-id={record.id}
            aria-label={`${fileName(record.source)}, ${record.labels.join(", ") || messages.value.common.noLabel}`}
            onClick={() => (onClose(), searchFor({ kind: "record", id: record.id }))}
          >
            <Picture path={paths.thumbnail(record.id)} alt="" lazy />
            <span class="under">
              {record.labels.join(", ") || factsOf(record.attributes) || fileName(record.source)}
            </span>
          </button>
        ))}
      </div>
      {found?.length === 0 && <p class="muted">{says.notFound}</p>}
      <footer>
        {cursor && <button onClick={more}>{messages.value.common.showMore}</button>}
        <button onClick={onClose}>{messages.value.common.close}</button>
      </footer>
    </Dialog>
  );
}
