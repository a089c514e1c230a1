/** Filters as chips with counts; what they ask is the server's filter expression. */
import { Plus, X } from "lucide-preact";
import { useState } from "preact/hooks";
import { messages, whole } from "../../messages";
import { en } from "../../messages/en";
import { facets } from "../../search";
import { ask, asking } from "../../state";
import type { Facet } from "../../types";
import { useEscape } from "../../ui/escape";
import { bounded, summary, toggled } from "../../where";

/** Those that people filter by come first; a table without DICOM has three of them under its own names. */
const FIRST = [...Object.keys(en.search.field), "view", "sex", "age"];
export const shortName = (field: string): string => messages.value.search.field[field] ?? field;

const order = (field: string): number => (FIRST.includes(field) ? FIRST.indexOf(field) : FIRST.length);

export function Filters() {
  const words = messages.value.search;
  const [open, setOpen] = useState<string | null>(null);
  const [all, setAll] = useState(false);
  const { filters, own } = asking.value;
  const sorted = facets.value.toSorted((a, b) => order(a.field) - order(b.field));
  const told = sorted.filter(
    (facet) => all || order(facet.field) < FIRST.length || filters.some((one) => one.field === facet.field),
  );
  const shown = told.length ? told : sorted.slice(0, 5);
  const opened = sorted.find((facet) => facet.field === open);
  useEscape(opened !== undefined, () => setOpen(null));
  return (
    <section aria-label={words.filters} data-testid="filters">
      <h3>{words.filters}</h3>
      <div class="chips">
        {shown.map((facet) => (
          <FieldChip
            key={facet.field}
            facet={facet}
            open={open === facet.field}
            onOpen={() => setOpen(open === facet.field ? null : facet.field)}
          />
        ))}
        {filters
          .filter((filter) => sorted.length > 0 && !sorted.some((facet) => facet.field === filter.field))
          .map((filter) => (
            <button
              key={filter.field}
              class="chip on"
              title={words.dropFilter}
              onClick={() => ask({ filters: filters.filter((one) => one !== filter) })}
            >
              <span>
                {filter.field} <b>{summary(filter)}</b>
              </span>
              <X aria-hidden="true" />
            </button>
          ))}
        {!all && shown.length < sorted.length && (
          <button class="chip" data-testid="more-fields" onClick={() => setAll(true)}>
            <Plus aria-hidden="true" />
            {words.moreFields}
          </button>
        )}
        {(filters.length > 0 || own) && (
          <button class="chip" data-testid="clear-filters" onClick={() => ask({ filters: [], own: "" })}>
            <X aria-hidden="true" />
            {words.clear}
          </button>
        )}
      </div>
      {opened && <Values facet={opened} />}
      {all && <Own />}
    </section>
  );
}

function FieldChip({ facet, open, onOpen }: { facet: Facet; open: boolean; onOpen: () => void }) {
  const filter = asking.value.filters.find((one) => one.field === facet.field);
  return (
    <button
      class={`chip ${filter ? "on" : ""}`}
      aria-expanded={open}
      data-testid={`filter-${facet.field}`}
      title={[facet.field, ...(facet.also ?? [])].join(messages.value.search.inTable)}
      onClick={onOpen}
    >
      <span>
        {shortName(facet.field)}
        {filter && (
          <>
            {" "}
            <b>{summary(filter)}</b>
          </>
        )}
      </span>
    </button>
  );
}

function Values({ facet }: { facet: Facet }) {
  const { filters } = asking.value;
  const filter = filters.find((one) => one.field === facet.field);
  if (facet.kind === "number") return <Bounds key={facet.field} facet={facet} />;
  const chosen = filter?.kind === "text" ? filter.values : [];
  const values = facet.values ?? [];
  const missing = chosen.filter((value) => !values.some((one) => one.value === value));
  return (
    <div class="facet" data-testid={`values-${facet.field}`}>
      <div class="chips">
        {[...missing.map((value) => ({ value, count: 0 })), ...values].map(({ value, count }) => (
          <button
            key={value}
            class="chip"
            aria-pressed={chosen.includes(value)}
            data-testid="filter-value"
            data-value={value}
            onClick={() => ask({ filters: toggled(filters, facet.field, value) })}
          >
            <span>
              {value || messages.value.search.noValue} <b class="numbers">{whole(count)}</b>
            </span>
          </button>
        ))}
      </div>
    </div>
  );
}

function Bounds({ facet }: { facet: Facet }) {
  const words = messages.value.search;
  const { filters } = asking.value;
  const filter = filters.find((one) => one.field === facet.field);
  const [min, max] = filter?.kind === "number" ? [filter.min, filter.max] : [null, null];
  const read = (event: Event): number | null => {
    const { value } = event.currentTarget as HTMLInputElement;
    return value === "" ? null : Number(value);
  };
  return (
    <div class="facet bounds-of">
      <div class="bounds">
        <input
          type="number"
          step="any"
          placeholder={String(facet.min ?? "")}
          value={min ?? ""}
          aria-label={words.atLeast(shortName(facet.field))}
          data-testid="filter-min"
          onChange={(event) => ask({ filters: bounded(filters, facet.field, read(event), max) })}
        />
        <span class="muted">{words.to}</span>
        <input
          type="number"
          step="any"
          placeholder={String(facet.max ?? "")}
          value={max ?? ""}
          aria-label={words.atMost(shortName(facet.field))}
          data-testid="filter-max"
          onChange={(event) => ask({ filters: bounded(filters, facet.field, min, read(event)) })}
        />
      </div>
    </div>
  );
}

function Own() {
  return (
    <label class="field facet">
      {messages.value.search.own}
      <input
        type="text"
        value={asking.value.own}
        data-testid="own-where"
        spellcheck={false}
        placeholder="Modality=CR and not label=effusion"
        onChange={(event) => ask({ own: event.currentTarget.value })}
      />
    </label>
  );
}
