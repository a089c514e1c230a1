/** Every record, page by page, to look for, to search with, or to delete. */
import { Trash2 } from "lucide-preact";
import { useEffect, useState } from "preact/hooks";
import { api, paths } from "../../api";
import { gallery, searchFor } from "../../state";
import type { Stored } from "../../types";
import { factsOf, fileName } from "../../ui/facts";
import { sayProblem } from "../../ui/notice";
import { Picture } from "../../ui/Picture";
import { wordsFilter } from "../search/RecordPicker";
import { DeleteRecord } from "./DeleteRecord";

const PAGE = 60;

export function Records() {
  const [words, setWords] = useState("");
  const [records, setRecords] = useState<Stored[]>([]);
  const [cursor, setCursor] = useState<string | null>(null);
  const [leaving, setLeaving] = useState<Stored | null>(null);
  const total = gallery.value?.records;
  useEffect(() => {
    const abort = new AbortController();
    api.records(wordsFilter(words.trim()), PAGE, null, abort.signal).then(
      (page) => (setRecords(page.items), setCursor(page.next_cursor)),
      (error: Error) => abort.signal.aborted || sayProblem(error),
    );
    return () => abort.abort();
  }, [words, total]);
  const more = (): void =>
    void api
      .records(wordsFilter(words.trim()), PAGE, cursor)
      .then((page) => (setRecords([...records, ...page.items]), setCursor(page.next_cursor)), sayProblem);
  return (
    <section class="stack" aria-label="Records">
      <input
        type="search"
        value={words}
        placeholder="File name or label"
        aria-label="Find records"
        data-testid="find-records"
        onInput={(event) => setWords(event.currentTarget.value)}
      />
      <div class="scrolls">
        <table data-testid="records">
          <thead>
            <tr>
              <th />
              <th>File</th>
              <th>Labels</th>
              <th>About</th>
              <th>Patient</th>
              <th />
            </tr>
          </thead>
          <tbody>
            {records.map((record) => (
              <tr key={record.id} data-testid="record" data-id={record.id} data-patient={record.patient}>
                <td>
                  <button
                    class="plain"
                    aria-label={`Search with ${fileName(record.source)}`}
                    onClick={() => searchFor({ kind: "record", id: record.id })}
                  >
                    <span class="neighbours">
                      <span class="thumb">
                        <Picture path={paths.thumbnail(record.id)} alt="" lazy />
                      </span>
                    </span>
                  </button>
                </td>
                <td>
                  {fileName(record.source)}
                  {record.frame > 0 ? ` #${record.frame}` : ""}
                </td>
                <td>
                  <span class="chips">
                    {record.labels.map((label) => (
                      <span class="tag" key={label}>
                        {label}
                      </span>
                    ))}
                  </span>
                </td>
                <td class="muted">
                  {factsOf(record.attributes)}
                  {record.depth && record.depth > 1 ? ` · ${record.depth} slices` : ""}
                </td>
                <td class="muted">
                  <code>{record.patient.slice(0, 8)}</code>
                </td>
                <td>
                  {gallery.value?.role === "admin" && (
                    <button
                      class="plain"
                      aria-label={`Delete ${fileName(record.source)}`}
                      data-testid="delete"
                      onClick={() => setLeaving(record)}
                    >
                      <Trash2 aria-hidden="true" />
                    </button>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {records.length === 0 && <p class="muted">No record here.</p>}
      {cursor && <button onClick={more}>Show more</button>}
      {leaving && <DeleteRecord record={leaving} onClose={() => setLeaving(null)} />}
    </section>
  );
}
