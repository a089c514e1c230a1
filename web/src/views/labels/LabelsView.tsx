/** Labels for many records at once: select, add or take away, and let an adapter learn from it. */
import { Sparkles, Undo2 } from "lucide-preact";
import { useEffect, useState } from "preact/hooks";
import { api, paths } from "../../api";
import { hits } from "../../search";
import { gallery, go } from "../../state";
import type { Stored } from "../../types";
import { factsOf, fileName } from "../../ui/facts";
import { sayProblem } from "../../ui/notice";
import { Picture } from "../../ui/Picture";
import { counted, Segments, Switch } from "../../ui/small";
import { wordsFilter } from "../search/RecordPicker";
import { canUndoLabels, changedHere, changeLabels, undoLabels } from "./changes";
import { selection } from "./selection";

const PAGE = 96;
const FROM = ["gallery", "last hits", "selected"] as const;
const UNLABELLED = 'not label~""';

export function LabelsView() {
  const [from, setFrom] = useState<(typeof FROM)[number]>("gallery");
  const [words, setWords] = useState("");
  const [bare, setBare] = useState(false);
  const [records, setRecords] = useState<Stored[]>([]);
  const [cursor, setCursor] = useState<string | null>(null);
  const where = [wordsFilter(words.trim()), bare ? UNLABELLED : null].filter(Boolean).join(" and ") || null;

  useEffect(() => {
    const abort = new AbortController();
    const asked =
      from === "gallery" ? null : from === "selected" ? [...selection.peek()] : hits.peek().map((hit) => hit.id);
    const load = asked
      ? Promise.all(asked.slice(0, PAGE).map((id) => api.record(id))).then((items) => ({
          items,
          next_cursor: null,
        }))
      : api.records(where, PAGE, null, abort.signal);
    load.then(
      (page) => abort.signal.aborted || (setRecords(page.items), setCursor(page.next_cursor)),
      (error: Error) => abort.signal.aborted || sayProblem(error),
    );
    return () => abort.abort();
  }, [from, where, changedHere.value]);
  const more = (): void =>
    void api
      .records(where, PAGE, cursor)
      .then((page) => (setRecords([...records, ...page.items]), setCursor(page.next_cursor)), sayProblem);
  const chosen = selection.value;
  return (
    <div class="sheet" data-testid="labels-view">
      <div class="row">
        <Segments label="Records from" options={FROM} chosen={from} onChoose={setFrom} testid="labels-from" />
        {from === "gallery" && (
          <input
            type="search"
            value={words}
            placeholder="File name or label"
            aria-label="Find records"
            onInput={(event) => setWords(event.currentTarget.value)}
          />
        )}
        {from === "gallery" && (
          <Switch label="Without a label only" on={bare} onChange={setBare} testid="unlabelled" />
        )}
        <span class="push muted" data-testid="selected-count">
          {counted(chosen.size, "record")} selected
        </span>
        <button
          data-testid="select-all"
          onClick={() => (selection.value = new Set([...chosen, ...records.map((one) => one.id)]))}
        >
          Select all shown
        </button>
        <button disabled={chosen.size === 0} onClick={() => (selection.value = new Set())}>
          Select none
        </button>
      </div>
      <Bulk />
      <ul class="tiles large" aria-label="Records">
        {records.map((record) => (
          <li key={record.id}>
            <Tile record={record} on={chosen.has(record.id)} />
          </li>
        ))}
      </ul>
      {records.length === 0 && (
        <p class="muted">{from === "last hits" ? "Nothing has been searched for yet." : "No record here."}</p>
      )}
      {cursor && from === "gallery" && <button onClick={more}>Show more</button>}
    </div>
  );
}

function Tile({ record, on }: { record: Stored; on: boolean }) {
  const toggle = (): void => {
    const next = new Set(selection.value);
    if (!next.delete(record.id)) next.add(record.id);
    selection.value = next;
  };
  const words = record.labels.join(", ") || "no label";
  return (
    <button
      class={`tile ${on ? "on" : ""}`}
      aria-pressed={on}
      aria-label={`${fileName(record.source)}, ${words}`}
      title={factsOf(record.attributes)}
      data-testid="label-tile"
      data-id={record.id}
      onClick={toggle}
    >
      <Picture path={paths.thumbnail(record.id)} alt="" lazy />
      <span class="under">{words}</span>
    </button>
  );
}

function Bulk() {
  const [label, setLabel] = useState("");
  const changed = changedHere.value;
  const ids = [...selection.value];
  const change = async (way: "add" | "remove"): Promise<void> => {
    try {
      await changeLabels({ ids, [way]: [label.trim()] });
    } catch (error) {
      sayProblem(error);
    }
  };
  if (gallery.value?.role === "reader")
    return <p class="note">This key may read; changing labels needs a contributor's key.</p>;
  const can = ids.length > 0 && label.trim() !== "";
  return (
    <section class="card box row" aria-label="Label the selection">
      <input
        list="known-labels"
        value={label}
        placeholder="Label"
        aria-label="Label"
        data-testid="bulk-label"
        onInput={(event) => setLabel(event.currentTarget.value)}
      />
      <datalist id="known-labels">
        {(gallery.value?.labels ?? []).map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
      <button class="full" disabled={!can} data-testid="bulk-add" onClick={() => void change("add")}>
        Add to selection
      </button>
      <button disabled={!can} data-testid="bulk-remove" onClick={() => void change("remove")}>
        Take from selection
      </button>
      <button disabled={!canUndoLabels.value} data-testid="undo-labels" onClick={() => void undoLabels()}>
        <Undo2 aria-hidden="true" />
        Take it back
      </button>
      <span class="push note">
        {changed
          ? `${counted(changed, "record")} changed since this page was opened.`
          : "Adapt learns from these labels."}
      </span>
      <button class="key" data-testid="to-adapt" onClick={() => go("adapt")}>
        <Sparkles aria-hidden="true" />
        Adapt
      </button>
    </section>
  );
}
