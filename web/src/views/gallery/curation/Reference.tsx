/** What outliers lie far from: a label, a filter, a cohort, or another gallery of the service. */
import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import { api } from "../../../api";
import { otherGalleries } from "../../../galleries";
import { messages } from "../../../messages";
import { asking, gallery } from "../../../state";
import type { Bodies } from "../../../types";
import { sayProblem } from "../../../ui/notice";
import { quoted, whereOf } from "../../../where";

export type AsReference = Pick<Bodies["Outliers"], "reference" | "reference_cohort" | "reference_gallery">;
type Kind = "label" | "filter" | "cohort" | "gallery";
const KINDS: readonly Kind[] = ["label", "filter", "cohort", "gallery"];

/** null where nothing is chosen. */
function referenceOf(kind: Kind, value: string): AsReference | null {
  if (!value.trim()) return null;
  if (kind === "label") return { reference: `label=${quoted(value)}` };
  if (kind === "filter") return { reference: value.trim() };
  return kind === "cohort" ? { reference_cohort: value } : { reference_gallery: value };
}

export function Reference({ onChoose }: { onChoose: (reference: AsReference | null) => void }) {
  const words = messages.value.curation;
  const [kind, setKind] = useState<Kind>("label");
  const [cohorts, setCohorts] = useState<readonly string[] | null>(null);
  const labels = gallery.value?.labels ?? [];
  const offered: Record<Exclude<Kind, "filter">, readonly string[]> = {
    label: labels,
    cohort: cohorts ?? [],
    gallery: otherGalleries.value.map(({ name }) => name),
  };
  const first = (one: Kind): string =>
    one === "filter" ? (whereOf(asking.peek().filters, asking.peek().own) ?? "") : (offered[one][0] ?? "");
  const [chosen, setChosen] = useState<string | null>(null);
  const value = chosen ?? first(kind); // what is offered may come after the kind was chosen
  useEffect(
    () => void api.cohorts().then(({ items }) => setCohorts(items.map(({ name }) => name)), sayProblem),
    [],
  );
  useLayoutEffect(() => onChoose(referenceOf(kind, value)), [kind, value]);
  const choose = (one: Kind): void => {
    setKind(one);
    setChosen(null);
  };
  return (
    <>
      <label class="row">
        {words.reference}
        <select value={kind} data-testid="reference-kind" onChange={(event) => choose(event.currentTarget.value as Kind)}>
          {KINDS.map((one) => (
            <option key={one} value={one}>
              {words.references[one]}
            </option>
          ))}
        </select>
      </label>
      {kind === "filter" ? (
        <input
          value={value}
          aria-label={words.referenceFilter}
          placeholder={words.referenceFilter}
          data-testid="reference-filter"
          onInput={(event) => setChosen(event.currentTarget.value)}
        />
      ) : offered[kind].length ? (
        <select
          value={value}
          aria-label={words.referenceOf}
          data-testid="outliers-reference"
          onChange={(event) => setChosen(event.currentTarget.value)}
        >
          {offered[kind].map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      ) : (
        kind !== "label" && <span class="muted">{kind === "gallery" ? words.noGallery : cohorts && words.noCohort}</span>
      )}
    </>
  );
}
