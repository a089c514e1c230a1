/** What the lasso took: a grid, to search with, to label, or to save. */
import { Search, Tags } from "lucide-preact";
import { useEffect } from "preact/hooks";
import { paths } from "../../api";
import { known, lookAt } from "../../map/load";
import { idOf, type Points } from "../../map/points";
import { messages } from "../../messages";
import { go, searchFor } from "../../state";
import { factsOf } from "../../ui/facts";
import { Picture } from "../../ui/Picture";
import { SaveCohort } from "../gallery/SaveCohort";
import { selection } from "../labels/selection";

const SHOWN = 60;
const MOST_TOGETHER = 50; // records asked with at once
const MOST_NAMED = 100_000; // records labelled or saved at once, as the server has it

interface Props {
  points: Points;
  rows: ArrayLike<number>;
}

export function Caught({ points, rows }: Props) {
  const words = messages.value.map;
  const idsOf = (most: number): string[] =>
    Array.from({ length: Math.min(most, rows.length) }, (_, at) => idOf(points, rows[at]!));
  const first = idsOf(SHOWN);
  useEffect(() => first.forEach(lookAt), [points, rows]);
  if (rows.length === 0)
    return (
      <p class="note" data-testid="lasso-hint">
        {words.hint}
      </p>
    );
  const few = rows.length <= MOST_NAMED;
  return (
    <section class="stack" aria-label={words.selection}>
      <h3 data-testid="lasso-count" role="status">
        {messages.value.frame.records(rows.length)}
      </h3>
      <div class="row">
        <button
          class="chip"
          data-testid="lasso-search"
          onClick={() =>
            searchFor(
              rows.length === 1 ? { kind: "record", id: first[0]! } : { kind: "records", ids: idsOf(MOST_TOGETHER) },
            )
          }
        >
          <Search aria-hidden="true" />
          {words.searchWith(rows.length)}
        </button>
        {few && (
          <>
            <button
              class="chip"
              data-testid="lasso-label"
              onClick={() => ((selection.value = new Set(idsOf(MOST_NAMED))), go("labels"))}
            >
              <Tags aria-hidden="true" />
              {words.label}
            </button>
            <SaveOf idsOf={idsOf} count={rows.length} />
          </>
        )}
      </div>
      {!few && <p class="note">{words.tooMany(MOST_NAMED)}</p>}
      <div class="tiles" data-testid="lasso-grid">
        {first.map((id) => {
          const record = known.value.get(id);
          return (
            <button
              class="tile"
              key={id}
              data-testid="lasso-record"
              data-id={id}
              title={record ? factsOf(record.attributes) : ""}
              aria-label={words.searchRecord(record?.labels.join(", ") ?? "")}
              onClick={() => searchFor({ kind: "record", id })}
            >
              <Picture path={paths.thumbnail(id)} alt="" lazy />
              <span class="under">{record?.labels.join(", ")}</span>
            </button>
          );
        })}
      </div>
      {rows.length > SHOWN && <p class="note">{words.firstShown(SHOWN)}</p>}
    </section>
  );
}

/** The ids are written out when they are saved, not while the lasso is looked at. */
function SaveOf({ idsOf, count }: { idsOf: (most: number) => string[]; count: number }) {
  const choice = {
    get ids(): string[] {
      return idsOf(MOST_NAMED);
    },
  };
  return <SaveCohort choice={choice} what={messages.value.map.savedFrom(count)} testid="lasso-cohort" />;
}
