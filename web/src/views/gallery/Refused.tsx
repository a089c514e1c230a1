/** Files that are not in the gallery, each with its reason and what to do. */
import { useEffect, useState } from "preact/hooks";
import { api } from "../../api";
import { gallery } from "../../state";
import type { Refusal } from "../../types";
import { fileName } from "../../ui/facts";
import { todoOf, whatOf } from "../../ui/reasons";
import { sayProblem } from "../../ui/notice";

const PAGE = 100;

export function Refused() {
  const [items, setItems] = useState<Refusal[]>([]);
  const [cursor, setCursor] = useState<string | null>(null);
  const load = (from: string | null): void =>
    void api
      .refused(PAGE, from)
      .then(
        (page) => (setItems((old) => (from ? [...old, ...page.items] : page.items)), setCursor(page.next_cursor)),
        sayProblem,
      );
  useEffect(() => load(null), [gallery.value?.refused]);
  if (items.length === 0) return <p class="muted">No file was refused.</p>;
  return (
    <div class="scrolls">
      <table data-testid="refused">
        <thead>
          <tr>
            <th>File</th>
            <th>Why</th>
            <th>What to do</th>
          </tr>
        </thead>
        <tbody>
          {items.map((one, at) => (
            <tr key={at} data-testid="refused-file">
              <td>{fileName(one.source)}</td>
              <td>
                <span class="tag">{one.reason}</span> {whatOf(one.reason)}
              </td>
              <td class="muted">{todoOf(one.reason)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {cursor && <button onClick={() => load(cursor)}>Show more</button>}
    </div>
  );
}
