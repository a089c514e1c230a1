/** The left side: the query, and everything that steers its ranking. */
import { paths } from "../../api";
import { canSteer, steered } from "../../body";
import { messages } from "../../messages";
import { EMPTY, PER, type Per } from "../../route";
import { ask, asking, gallery } from "../../state";
import { Picture } from "../../ui/Picture";
import { Segments } from "../../ui/small";
import { spaceTitle } from "../adapt/names";
import { Filters } from "./Filters";
import { InTime } from "./InTime";
import { QueryPanel } from "./QueryPanel";

const DEPTHS = [6, 12, 24, 48, 96];

export function AskingPanel() {
  const words = messages.value.search;
  const { space, k, per, roi } = asking.value;
  const known = gallery.value?.spaces.filter((one) => one.answers) ?? [];
  const spaces = known.length ? known.map((one) => one.name) : ["base"];
  const titles = Object.fromEntries(known.map((one) => [one.name, spaceTitle(one)]));
  return (
    <aside class="asked" aria-label={words.asked}>
      <QueryPanel />
      <section>
        <h3>{words.space}</h3>
        <Segments
          label={words.space}
          options={spaces}
          titles={titles}
          chosen={roi ? EMPTY.space : space}
          disabled={roi !== null}
          testid="space"
          onChoose={(name) => ask({ space: name })}
        />
        {!roi && space !== "base" && titles[space] && (
          <p class="note" data-testid="space-for">
            {titles[space]}
          </p>
        )}
        {roi && spaces.length > 1 && <p class="note">{words.spaceOfRegion}</p>}
        {spaces.length === 1 && <p class="note">{words.oneSpace}</p>}
      </section>
      <Examples />
      <Filters />
      <section class="stack">
        {!roi && (
          <label class="spread muted">
            {words.oneHitA}
            <select value={per} data-testid="per" onChange={(event) => ask({ per: event.currentTarget.value as Per })}>
              {PER.map((each) => (
                <option key={each} value={each}>
                  {words.per[each]}
                </option>
              ))}
            </select>
          </label>
        )}
        <InTime />
        <label class="spread muted">
          {words.hits}
          <select value={k} data-testid="k" onChange={(event) => ask({ k: Number(event.currentTarget.value) })}>
            {[...new Set([...DEPTHS, k])]
              .sort((a, b) => a - b)
              .map((depth) => (
                <option key={depth} value={depth}>
                  {depth}
                </option>
              ))}
          </select>
        </label>
      </section>
    </aside>
  );
}

function Examples() {
  const words = messages.value.search;
  const { positive, negative } = asking.value;
  if (positive.length + negative.length === 0 || !canSteer(asking.value)) return null;
  const example = (id: string, way: "more" | "less") => (
    <button
      key={id}
      class={way}
      data-testid={`example-${way}`}
      title={words.example[way]}
      aria-label={words.exampleOf[way](id)}
      onClick={() => ask(steered(asking.value, id, way))}
    >
      <Picture path={paths.thumbnail(id)} alt="" />
    </button>
  );
  return (
    <section aria-label={words.examples}>
      <h3>{words.examples}</h3>
      <div class="examples">
        {positive.map((id) => example(id, "more"))}
        {negative.map((id) => example(id, "less"))}
      </div>
    </section>
  );
}
