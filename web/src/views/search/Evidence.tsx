/** The right side: what the neighbours say, whether anything is similar at all, and why a hit is one. */
import { GitCompareArrows, Layers, Pencil, Search } from "lucide-preact";
import { useState } from "preact/hooks";
import { paths } from "../../api";
import { gallery, asking, compare, searchFor } from "../../state";
import { filteredAway, hits, result, saidTwice, selected, selectedId, vote, votedOn, voteProblem, voting } from "../../search";
import type { ClassifyResult, Hit } from "../../types";
import { textOf } from "../../ui/facts";
import { Picture } from "../../ui/Picture";
import { Bar } from "../../ui/small";
import { LabelEditor } from "../labels/LabelEditor";
import { Background } from "./Background";
import { nearnessOf, unknownNearness } from "./nearness";
import { shortName } from "./Filters";
import { ReportOf } from "./Reports";
import { StudyOf } from "./Study";
import { TimeLine } from "./TimeLine";
import { Why } from "./Why";

export function EvidencePanel() {
  if (!result.value)
    return (
      <aside class="evidence" aria-label="Evidence">
        <p class="note">{gallery.value?.encoder.note}</p>
      </aside>
    );
  const hit = selected.value;
  return (
    <aside class="evidence" aria-label="Evidence">
      {vote.value && <Vote vote={vote.value} />}
      {!vote.value && voting.value && (
        <section>
          <h3>Neighbours say</h3>
          <p class="note working" data-testid="voting">
            asking the neighbours; the first time they are calibrated, which takes a moment…
          </p>
        </section>
      )}
      {!vote.value && !voting.value && voteProblem.value && <p class="note">{voteProblem.value}</p>}
      {hits.value.length > 0 && (
        <section data-testid="similar-enough">
          <h3>Similar enough?</h3>
          <Near />
          {result.value.background && (
            <Background background={result.value.background} best={hits.value[0]?.score ?? null} />
          )}
        </section>
      )}
      {hit?.study && <StudyOf key={hit.id} hit={hit} />}
      {hit && hit.placed.length > 0 && <FoundBy hit={hit} />}
      {hit && <TimeLine key={`time ${hit.patient}`} hit={hit} />}
      {hit && <ReportOf key={`report ${hit.id}`} hit={hit} />}
      {hit && <Why key={`${hit.id} ${JSON.stringify(asking.value.asked)}`} hit={hit} />}
      {hit && <Actions hit={hit} />}
    </aside>
  );
}

const WHAT: Record<string, string> = { picture: "the picture", text: "the words", report: "reports" };

/** Which of the rankings that were fused have the hit. */
function FoundBy({ hit }: { hit: Hit }) {
  return (
    <section data-testid="found-by">
      <h3>Number {hit.rank} was found by</h3>
      {hit.placed.map(({ ranking, rank, score }) => (
        <div class="vote placed" key={ranking} data-testid="placed" data-ranking={ranking}>
          <span>{WHAT[ranking] ?? ranking}</span>
          <Bar share={score} label={`cosine ${score.toFixed(3)}`} />
          <em>{score.toFixed(2)}</em>
          <small>as number {rank}</small>
        </div>
      ))}
    </section>
  );
}

function Near() {
  const best = hits.value[0];
  const near =
    nearnessOf(best?.nearness, result.value?.abstained ?? false, filteredAway.value) ?? unknownNearness(asking.value);
  const pairs = best?.percentile == null ? "" : ` More alike than ${best.percentile.toFixed(1)} % of its pairs.`;
  return (
    <p data-testid="nearness">
      <strong>{near.answer}</strong> <span class="note">{`${near.why}${pairs}`}</span>
    </p>
  );
}

/** Which records were asked: those that the search asked, and it is said. */
function whoVotes(): string {
  const { query, space, where } = votedOn.value ?? {};
  return [`in the space ${space}`, where ? "of what the filters leave" : "", query?.roi ? "on the region" : ""]
    .filter(Boolean)
    .join(", ");
}

const share = (value: number): string => value.toFixed(2);
const short = (value: number): string => value.toFixed(2).replace(/^0/, "");

function Vote({ vote: { labels, abstained, reason, evidence, calibrated, notes, votes } }: { vote: ClassifyResult }) {
  const [all, setAll] = useState(false);
  const shown = all ? labels : labels.slice(0, 5);
  const voters = evidence.filter((one) => one.weight !== null);
  return (
    <section data-testid="vote">
      <h3>Neighbours say</h3>
      <p class="note" data-testid="vote-of">
        {whoVotes()}
      </p>
      {abstained && (
        <p class="abstains" data-testid="abstained">
          <strong>
            {result.value?.abstained
              ? "Nothing similar here."
              : votedOn.value?.where
                ? "Nothing similar that the filters leave bears a label."
                : "Nothing similar bears a label."}
          </strong>
          {reason}
        </p>
      )}
      {!abstained &&
        shown.map(({ label, probability, share: part, low, high }) => (
          <div class="vote" key={label} data-testid="vote-label" data-label={label}>
            <span title={label}>{label}</span>
            <Bar share={probability} label={`${label} ${share(probability)}`} />
            <em>{share(probability)}</em>
            <small data-testid="vote-range" title={part === null ? "" : `share of the vote ${share(part)}`}>
              {low === null || high === null ? "" : `vote ${short(low)}–${short(high)}`}
            </small>
          </div>
        ))}
      {!abstained && labels.length > 5 && (
        <button class="plain" onClick={() => setAll(!all)}>
          {all ? "fewer" : `${labels.length - 5} more`}
        </button>
      )}
      {!abstained && (
        <p class="note">
          {`Vote of ${voters.length || evidence.length}, ${calibrated ? `calibrated on held-back patients (${calibrated})` : "not calibrated"}`}
          {votes ? `; the range is 95 % of the share of a vote that counts ${votes.toFixed(1)} in all` : ""}.{" "}
          {gallery.value?.disclaimer}
        </p>
      )}
      {notes
        .filter((one) => one !== gallery.value?.disclaimer)
        .slice(0, 2)
        .map((one) => (
          <p class="note" key={one}>
            {one}
          </p>
        ))}
      <div class="neighbours" aria-label="Neighbours that voted">
        {voters.slice(0, 14).map((one) => (
          <button
            key={one.id}
            data-testid="neighbour"
            title={`${one.labels.join(", ")}: cosine ${one.score.toFixed(3)}`}
            aria-label={`Neighbour with ${one.labels.join(", ") || "no label"}: show`}
            onClick={() =>
              hits.value.some((hit) => hit.id === one.id)
                ? (selectedId.value = one.id)
                : searchFor({ kind: "record", id: one.id })
            }
          >
            <Picture path={paths.thumbnail(one.id)} alt="" />
          </button>
        ))}
      </div>
    </section>
  );
}

function Actions({ hit }: { hit: Hit }) {
  const [editing, setEditing] = useState(false);
  const may = gallery.value?.role !== "reader";
  return (
    <section>
      <h3>Number {hit.rank}</h3>
      <div class="chips">
        <button class="chip" data-testid="open-compare" onClick={() => compare(hit.id)}>
          <GitCompareArrows aria-hidden="true" />
          Compare in viewer
        </button>
        <button class="chip" data-testid="use-as-query" onClick={() => searchFor({ kind: "record", id: hit.id })}>
          <Search aria-hidden="true" />
          Use as query
        </button>
        {(gallery.value?.studies ?? 0) > 0 && (
          <button
            class="chip"
            data-testid="use-study-as-query"
            onClick={() => searchFor({ kind: "study", id: hit.id })}
          >
            <Layers aria-hidden="true" />
            Use its study
          </button>
        )}
        {may && (
          <button class="chip" data-testid="edit-labels" onClick={() => setEditing(true)}>
            <Pencil aria-hidden="true" />
            Edit labels
          </button>
        )}
      </div>
      <ul class="note facts-of">
        {Object.entries(hit.attributes)
          .filter(([name]) => !saidTwice.value.has(name))
          .slice(0, 8)
          .map(([name, value]) => (
            <li key={name}>
              {shortName(name)}: {textOf(value)}
            </li>
          ))}
      </ul>
      {editing && <LabelEditor id={hit.id} labels={hit.labels} onClose={() => setEditing(false)} />}
    </section>
  );
}
