/** Files that are not in the gallery, each with its reason and what to do. */
import { useEffect, useState } from "preact/hooks";
import { api } from "../../api";
import { gallery } from "../../state";
import type { Refusal } from "../../types";
import { fileName } from "../../ui/facts";
import { todoOf, whatOf } from "../../ui/reasons";
import { sayProblem } from "../../ui/notice";
import { refusedHere } from "./send";

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
  const here = refusedHere.value;
  if (items.length + here.length === 0) return <p class="muted">No file was refused.</p>;
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
          {here.map((one, at) => (
            <Row key={`here-${at}`} name={one.name} reason={one.reason} what={one.what} todo={one.todo} />
          ))}
          {items.map(({ source, reason }, at) => (
            <Row key={at} name={fileName(source)} reason={reason} what={whatOf(reason)} todo={todoOf(reason)} />
          ))}
        </tbody>
      </table>
      {cursor && <button onClick={() => load(cursor)}>Show more</button>}
    </div>
  );
}

function Row({ name, reason, what, todo }: { name: string; reason: string; what: string; todo: string }) {
  return (
    <tr data-testid="refused-file">
      <td>{name}</td>
      <td>
        {reason && <span class="tag">{reason}</span>} {what}
      </td>
      <td class="muted">{todo}</td>
    </tr>
  );
}
