/** Labels for many records at once: select, add or take away, and let an adapter learn from it. */
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../../api";
import { messages } from "../../messages";
import { hits } from "../../search";
import { mayChange } from "../../state";
import { sayProblem } from "../../ui/notice";
import { BusyBar, Segments, Switch } from "../../ui/small";
import { wordsFilter } from "../search/RecordPicker";
import { Bulk } from "./Bulk";
import { changedHere, undone } from "./changes";
import { asIndexed, OrderChoice, type Ordering } from "./OrderChoice";
import { select, selection, selectNone } from "./selection";
import { type Shown, Tiles } from "./Tiles";

const PAGE = 96;
const MOST = 1000; // records that are asked for at once
const FROM = ["gallery", "last hits", "selected"] as const;
const UNLABELLED = 'not label~""';

interface Page {
  records: readonly Shown[];
  cursor: string | null;
  notes: readonly string[];
}
const NOTHING: Page = { records: [], cursor: null, notes: [] };

/** Some records again, with the labels that they bear now. */
const again = (records: readonly Shown[]): Promise<Shown[]> =>
  Promise.all(records.map(async (one) => ({ ...one, labels: (await api.record(one.id)).labels })));

async function inOrder(ordering: Ordering, where: string | null, abort: AbortSignal): Promise<Page> {
  const { items, labelled, unlabelled, notes } = await api.labelNext(ordering.by, ordering.budget, where, abort);
  const told = messages.peek().labels.told(labelled, unlabelled);
  return { records: items, cursor: null, notes: [told, ...notes] };
}

async function ofIds(ids: readonly string[]): Promise<Page> {
  return { ...NOTHING, records: await Promise.all(ids.slice(0, PAGE).map((id) => api.record(id))) };
}

async function ofGallery(
  where: string | null,
  cursor: string | null,
  abort?: AbortSignal,
  limit = PAGE,
): Promise<Page> {
  const { items, next_cursor } = await api.records(where, limit, cursor, abort);
  return { ...NOTHING, records: items, cursor: next_cursor };
}

export function LabelsView() {
  const says = messages.value.labels;
  const [from, setFrom] = useState<(typeof FROM)[number]>("gallery");
  const [words, setWords] = useState("");
  const [bare, setBare] = useState(false);
  const [ordering, setOrdering] = useState(asIndexed);
  const [told, setPage] = useState<Page | null>(null);
  const page = told ?? NOTHING;
  const [busy, setBusy] = useState(false);
  const found = wordsFilter(words.trim());
  const isOrdered = from === "gallery" && ordering.by !== null;
  const where = [found, bare && !isOrdered ? UNLABELLED : null].filter(Boolean).join(" and ") || null;
  const changes = `${changedHere.value} ${undone.value}`;

  const shownOf = useRef<string | null>("");

  useEffect(() => {
    // After a change of labels as many are shown as before
    const limit = shownOf.current === where ? Math.min(MOST, Math.max(PAGE, page.records.length)) : PAGE;
    shownOf.current = where;
    const abort = new AbortController();
    const load =
      from === "selected"
        ? ofIds([...selection.peek()])
        : from === "last hits"
          ? ofIds(hits.peek().map((hit) => hit.id))
          : isOrdered
            ? inOrder(ordering, found, abort.signal)
            : ofGallery(where, null, abort.signal, limit);
    setBusy(isOrdered);
    load
      .then(
        (next) => abort.signal.aborted || setPage(next),
        (error: Error) => abort.signal.aborted || (setPage(null), sayProblem(error)),
      )
      .finally(() => abort.signal.aborted || setBusy(false));
    return () => abort.abort();
    // A batch stays while it is labelled, and only its labels are looked at again
  }, [from, where, ordering, isOrdered ? "" : changes]);
  useEffect(() => {
    if (!isOrdered || page.records.length === 0) return;
    again(page.records).then((records) => setPage((now) => (now === page ? { ...now, records } : now)), sayProblem);
  }, [changes]);
  const more = (): void =>
    void ofGallery(where, page.cursor).then(
      (next) => setPage({ ...next, records: [...page.records, ...next.records] }),
      sayProblem,
    );
  const ids = page.records.map((one) => one.id);
  return (
    <div class="sheet" data-testid="labels-view">
      <div class="row">
        <Segments label={says.from} options={FROM} names={says.source} chosen={from} onChoose={setFrom} testid="labels-from" />
        {from === "gallery" && (
          <input
            type="search"
            value={words}
            placeholder={says.fileOrLabel}
            aria-label={says.find}
            onInput={(event) => setWords(event.currentTarget.value)}
          />
        )}
        {from === "gallery" && mayChange.value && (
          <OrderChoice ordering={ordering} onChoose={setOrdering} busy={busy} />
        )}
        {from === "gallery" && !isOrdered && (
          <Switch label={says.bare} on={bare} onChange={setBare} testid="unlabelled" />
        )}
        <Chosen ids={ids} />
      </div>
      <Bulk where={where} />
      {busy && <BusyBar />}
      {page.notes.length > 0 && (
        <p class="note" data-testid="order-notes">
          {page.notes.map((note) => messages.value.audits.note(note).text).join(" ")}
        </p>
      )}
      <Tiles records={page.records} />
      {told?.records.length === 0 && !busy && (
        <p class="muted">{from === "last hits" ? says.nothingSearched : says.none}</p>
      )}
      {page.cursor && from === "gallery" && !isOrdered && <button onClick={more}>{messages.value.common.showMore}</button>}
    </div>
  );
}

function Chosen({ ids }: { ids: readonly string[] }) {
  const words = messages.value.labels;
  const count = selection.value.size;
  return (
    <span class="push row">
      <span class="muted" data-testid="selected-count">
        {words.selected(count)}
      </span>
      <button data-testid="select-all" onClick={() => select(ids)}>
        {words.selectAll}
      </button>
      <button disabled={count === 0} onClick={selectNone}>
        {words.selectNone}
      </button>
    </span>
  );
}
