/** Files that are not in the gallery, by the reason why, each with what to do. */
import { useEffect, useState } from "preact/hooks";
import { api } from "../../api";
import { messages } from "../../messages";
import { gallery } from "../../state";
import type { Refusal } from "../../types";
import { fileName } from "../../ui/facts";
import { todoOf, whatOf } from "../../ui/reasons";
import { sayProblem } from "../../ui/notice";
import { refusedHere } from "./send";

const PAGE = 1000;

interface Group {
  reason: string;
  what: string;
  todo: string;
  names: readonly string[];
}

/** The reasons that refuse most come first. */
function grouped(files: readonly { name: string; reason: string; what: string; todo: string }[]): Group[] {
  const groups = new Map<string, Group & { names: string[] }>();
  for (const { name, reason, what, todo } of files) {
    const key = `${reason} ${what}`;
    if (!groups.has(key)) groups.set(key, { reason, what, todo, names: [] });
    groups.get(key)?.names.push(name);
  }
  return [...groups.values()].sort((one, other) => other.names.length - one.names.length);
}

export function Refused() {
  const [items, setItems] = useState<Refusal[] | null>(null);
  const [cursor, setCursor] = useState<string | null>(null);
  const words = messages.value.refused;
  const load = (from: string | null): void =>
    void api
      .refused(PAGE, from)
      .then(
        (page) => (setItems((old) => (from && old ? [...old, ...page.items] : page.items)), setCursor(page.next_cursor)),
        sayProblem,
      );
  useEffect(() => load(null), [gallery.value?.refused]);
  const groups = grouped([
    ...refusedHere.value,
    ...(items ?? []).map(({ source, reason }) => ({
      name: fileName(source),
      reason,
      what: whatOf(reason),
      todo: todoOf(reason),
    })),
  ]);
  return (
    <section class="stack" data-testid="refused" aria-label={messages.value.gallery.pages.refused}>
      {items && groups.length === 0 && <p class="muted">{words.none}</p>}
      {groups.map((group) => (
        <OneReason key={`${group.reason} ${group.what}`} group={group} />
      ))}
      {cursor && <button onClick={() => load(cursor)}>{words.more}</button>}
    </section>
  );
}

function OneReason({ group: { reason, what, todo, names } }: { group: Group }) {
  const words = messages.value.refused;
  return (
    <details class="card box reason" data-testid="refused-reason" data-reason={reason} open={names.length <= 10}>
      <summary>
        <b class="numbers">{words.files(names.length)}</b>
        <span class="tag">{reason || words.other}</span>
        <span>{what}</span>
      </summary>
      <p class="note">{todo}</p>
      <ul>
        {names.map((name, at) => (
          <li key={at} data-testid="refused-file">
            {name}
          </li>
        ))}
      </ul>
    </details>
  );
}
