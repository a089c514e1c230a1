/** What the lasso took: a grid, to search with, to label, or to save. */
import { Search, Tags } from "lucide-preact";
import { paths } from "../../api";
import { go, searchFor } from "../../state";
import type { Stored } from "../../types";
import { factsOf } from "../../ui/facts";
import { Picture } from "../../ui/Picture";
import { counted } from "../../ui/small";
import { SaveCohort } from "../gallery/SaveCohort";
import { selection } from "../labels/selection";

const SHOWN = 60;
const MOST_TOGETHER = 50; // records asked with at once

export function Caught({ ids, records }: { ids: string[]; records: Map<string, Stored> }) {
  if (ids.length === 0)
    return (
      <p class="note" data-testid="lasso-hint">
        Drag around points to see their records. Wheel zooms, Shift and drag moves.
      </p>
    );
  return (
    <section class="stack" aria-label="Selection">
      <h3 data-testid="lasso-count">{counted(ids.length, "record")}</h3>
      <div class="row">
        <button
          class="chip"
          data-testid="lasso-search"
          onClick={() =>
            searchFor(
              ids.length === 1
                ? { kind: "record", id: ids[0]! }
                : { kind: "records", ids: ids.slice(0, MOST_TOGETHER) },
            )
          }
        >
          <Search aria-hidden="true" />
          Search with {ids.length > 1 ? "these" : "it"}
        </button>
        <button
          class="chip"
          data-testid="lasso-label"
          onClick={() => ((selection.value = new Set(ids)), go("labels"))}
        >
          <Tags aria-hidden="true" />
          Label them
        </button>
        <SaveCohort choice={{ ids }} what={`${counted(ids.length, "record")} of the map.`} testid="lasso-cohort" />
      </div>
      <div class="tiles" data-testid="lasso-grid">
        {ids.slice(0, SHOWN).map((id) => {
          const record = records.get(id);
          return (
            <button
              class="tile"
              key={id}
              data-testid="lasso-record"
              data-id={id}
              title={record ? factsOf(record.attributes) : ""}
              aria-label={`Search with ${record?.labels.join(", ") || "this record"}`}
              onClick={() => searchFor({ kind: "record", id })}
            >
              <Picture path={paths.thumbnail(id)} alt="" lazy />
              <span class="under">{record?.labels.join(", ")}</span>
            </button>
          );
        })}
      </div>
      {ids.length > SHOWN && <p class="note">The first {SHOWN} are shown.</p>}
    </section>
  );
}
