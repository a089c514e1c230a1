/** Every record, in an order, page by page: to look for, to search with, to select, to label or to remove together. */
import { Trash2 } from "lucide-preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { api, paths } from "../../api";
import { messages } from "../../messages";
import { facets } from "../../search";
import { gallery, go, searchFor, mayChange } from "../../state";
import type { Stored } from "../../types";
import { factsOf, fileName } from "../../ui/facts";
import { sayProblem } from "../../ui/notice";
import { Picture } from "../../ui/Picture";
import { Switch } from "../../ui/small";
import { select, selection, selectNone, selectTo, toggle } from "../labels/selection";
import { wordsFilter } from "../search/RecordPicker";
import { DeleteRecord } from "./DeleteRecord";
import { RemoveRecords } from "./RemoveRecords";

const PAGE = 60;

export function Records() {
  const [find, setFind] = useState("");
  const [order, setOrder] = useState("indexed");
  const [down, setDown] = useState(false);
  const [records, setRecords] = useState<Stored[] | null>(null);
  const [cursor, setCursor] = useState<string | null>(null);
  const [leaving, setLeaving] = useState<Stored | null>(null);
  const total = gallery.value?.records;
  const words = messages.value.records;
  const by = down ? (order.startsWith("-") ? order.slice(1) : `-${order}`) : order;
  useEffect(() => {
    const abort = new AbortController();
    api.records(wordsFilter(find.trim()), PAGE, null, abort.signal, by).then(
      (page) => (setRecords(page.items), setCursor(page.next_cursor)),
      (error: Error) => abort.signal.aborted || sayProblem(error),
    );
    return () => abort.abort();
  }, [find, by, total]);
  const more = (): void =>
    void api
      .records(wordsFilter(find.trim()), PAGE, cursor, undefined, by)
      .then((page) => (setRecords([...(records ?? []), ...page.items]), setCursor(page.next_cursor)), sayProblem);
  const ids = (records ?? []).map((one) => one.id);
  return (
    <section class="stack" aria-label={messages.value.gallery.pages.records}>
      <div class="row">
        <input
          type="search"
          value={find}
          placeholder={words.find}
          aria-label={words.findLabel}
          data-testid="find-records"
          onInput={(event) => setFind(event.currentTarget.value)}
        />
        <Order order={order} onChoose={setOrder} />
        <Switch label={words.down} on={down} onChange={setDown} testid="records-down" />
      </div>
      <Chosen ids={ids} />
      <div class="scrolls">
        <table data-testid="records">
          <thead>
            <tr>
              <th />
              <th />
              <th>{words.file}</th>
              <th>{words.labels}</th>
              <th>{words.about}</th>
              <th>{words.patient}</th>
              <th />
            </tr>
          </thead>
          <tbody>
            {records?.map((record) => (
              <Row key={record.id} record={record} ids={ids} onLeave={() => setLeaving(record)} />
            ))}
          </tbody>
        </table>
      </div>
      {records?.length === 0 && <p class="muted">{words.nothing}</p>}
      {cursor && <button onClick={more}>{words.more}</button>}
      {leaving && <DeleteRecord record={leaving} onClose={() => setLeaving(null)} />}
    </section>
  );
}

function Order({ order, onChoose }: { order: string; onChoose: (order: string) => void }) {
  const words = messages.value.records;
  const fields = facets.value.map(({ field }) => field).filter((field) => !Object.hasOwn(words.orders, field));
  return (
    <label class="row">
      {words.order}
      <select value={order} data-testid="records-order" onChange={(event) => onChoose(event.currentTarget.value)}>
        {Object.entries(words.orders).map(([each, name]) => (
          <option key={each} value={each}>
            {name}
          </option>
        ))}
        {fields.map((field) => (
          <option key={field}>{field}</option>
        ))}
      </select>
    </label>
  );
}

/** What is selected, and what may be done with it: the labels view has the same selection. */
function Chosen({ ids }: { ids: readonly string[] }) {
  const [leaving, setLeaving] = useState(false);
  const words = messages.value.records;
  const chosen = [...selection.value];
  return (
    <div class="row acts">
      <span class="muted" data-testid="records-selected">
        {words.selected(chosen.length)}
      </span>
      <button data-testid="records-all" onClick={() => select(ids)}>
        {words.all}
      </button>
      <button disabled={chosen.length === 0} data-testid="records-none" onClick={selectNone}>
        {words.none}
      </button>
      {mayChange.value && (
        <button disabled={chosen.length === 0} data-testid="records-label" onClick={() => go("labels")}>
          {words.label}
        </button>
      )}
      {gallery.value?.role === "admin" && (
        <button
          class="danger"
          disabled={chosen.length === 0}
          data-testid="records-remove"
          onClick={() => setLeaving(true)}
        >
          {words.remove}
        </button>
      )}
      <span class="note">{words.keys}</span>
      {leaving && <RemoveRecords ids={chosen} onClose={() => setLeaving(false)} onRemoved={selectNone} />}
    </div>
  );
}

/** The box of the record that comes next, or before. */
function boxBeside(box: HTMLElement, by: number): HTMLInputElement | undefined {
  const boxes = [...(box.closest("tbody")?.querySelectorAll<HTMLInputElement>("input.choose") ?? [])];
  return boxes[boxes.indexOf(box as HTMLInputElement) + by];
}

interface RowProps {
  record: Stored;
  ids: readonly string[];
  onLeave: () => void;
}

function Row({ record, ids, onLeave }: RowProps) {
  const words = messages.value.records;
  const held = useRef(false);
  const on = selection.value.has(record.id);
  const file = fileName(record.source);
  const move = (event: KeyboardEvent): void => {
    held.current = event.shiftKey;
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const next = by === undefined ? undefined : boxBeside(event.currentTarget as HTMLElement, by);
    if (!next) return;
    event.preventDefault();
    next.focus();
    if (event.shiftKey) select([record.id, next.value]);
  };
  return (
    <tr
      class={on ? "on" : ""}
      data-testid="record"
      data-id={record.id}
      data-patient={record.patient}
    >
      <td>
        <input
          type="checkbox"
          class="choose"
          value={record.id}
          checked={on}
          aria-label={words.choose(file)}
          data-testid="choose"
          onPointerDown={(event) => (held.current = event.shiftKey)}
          onKeyDown={move}
          onChange={() => (held.current ? selectTo(record.id, ids) : toggle(record.id))}
        />
      </td>
      <td>
        <button
          class="plain"
          aria-label={words.searchWith(file)}
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
        {file}
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
        {record.depth && record.depth > 1 ? ` · ${words.slices(record.depth)}` : ""}
      </td>
      <td class="muted">
        <code>{record.patient.slice(0, 8)}</code>
      </td>
      <td>
        {gallery.value?.role === "admin" && (
          <button class="plain" aria-label={words.delete(file)} data-testid="delete" onClick={onLeave}>
            <Trash2 aria-hidden="true" />
          </button>
        )}
      </td>
    </tr>
  );
}
