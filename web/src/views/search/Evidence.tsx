/** The right side: what the neighbours say, whether anything is similar at all, and why a hit is one. */
import { GitCompareArrows, Layers, Pencil, Search } from "lucide-preact";
import { useState } from "preact/hooks";
import { paths } from "../../api";
import { fixed, messages } from "../../messages";
import { gallery, asking, compare, searchFor, mayChange } from "../../state";
import { filteredAway, hits, result, saidTwice, selected, selectedId, vote, votedOn, voteProblem, voting } from "../../search";
import type { ClassifyResult, Hit } from "../../types";
import { FromServer } from "../../ui/FromServer";
import { encoderWords } from "../../ui/encoder";
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
  const words = messages.value.search;
  if (!result.value)
    return (
      <aside class="evidence" aria-label={words.evidence}>
        <p class="note">{encoderWords()}</p>
      </aside>
    );
  const hit = selected.value;
  return (
    <aside class="evidence" aria-label={words.evidence}>
      {vote.value && <Vote vote={vote.value} />}
      {!vote.value && voting.value && (
        <section>
          <h3>{words.neighboursSay}</h3>
          <p class="note working" data-testid="voting">
            {words.voting}
          </p>
        </section>
      )}
      {!vote.value && !voting.value && voteProblem.value && <p class="note">{voteProblem.value}</p>}
      {hits.value.length > 0 && (
        <section data-testid="similar-enough">
          <h3>{words.similarEnough}</h3>
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

/** Which of the rankings that were fused have the hit. */
function FoundBy({ hit }: { hit: Hit }) {
  const words = messages.value.search;
  return (
    <section data-testid="found-by">
      <h3>{words.foundBy(hit.rank)}</h3>
      {hit.placed.map(({ ranking, rank, score }) => (
        <div class="vote placed" key={ranking} data-testid="placed" data-ranking={ranking}>
          <span>{words.ranking[ranking] ?? ranking}</span>
          <Bar share={score} label={words.cosine(fixed(score, 3))} />
          <em>{fixed(score, 2)}</em>
          <small>{words.asNumber(rank)}</small>
        </div>
      ))}
    </section>
  );
}

function Near() {
  const best = hits.value[0];
  const near =
    nearnessOf(best?.nearness, result.value?.abstained ?? false, filteredAway.value) ?? unknownNearness(asking.value);
  const pairs = best?.percentile == null ? "" : messages.value.search.morePairs(fixed(best.percentile, 1));
  return (
    <p data-testid="nearness">
      <strong>{near.answer}</strong> <span class="note">{[near.why, pairs].filter(Boolean).join(" ")}</span>
    </p>
  );
}

/** Which records were asked: those that the search asked, and it is said. */
function whoVotes(): string {
  const words = messages.value.search;
  const { query, space, where } = votedOn.value ?? {};
  return [words.voteIn(String(space)), where ? words.voteFiltered : "", query?.roi ? words.voteRegion : ""]
    .filter(Boolean)
    .join(", ");
}

const share = (value: number): string => fixed(value, 2);
const short = (value: number): string => fixed(value, 2).replace(/^0(?=\.)/, "");

function Vote({ vote: { labels, abstained, reason, evidence, calibrated, notes, votes } }: { vote: ClassifyResult }) {
  const words = messages.value.search;
  const [all, setAll] = useState(false);
  const shown = all ? labels : labels.slice(0, 5);
  const voters = evidence.filter((one) => one.weight !== null);
  return (
    <section data-testid="vote">
      <h3>{words.neighboursSay}</h3>
      <p class="note" data-testid="vote-of">
        {whoVotes()}
      </p>
      {abstained && (
        <p class="abstains" data-testid="abstained">
          <strong>
            {result.value?.abstained
              ? words.abstained
              : votedOn.value?.where
                ? words.abstainedFiltered
                : words.abstainedLabels}
          </strong>
          <FromServer said={messages.value.audits.note(reason ?? "")} />
        </p>
      )}
      {!abstained &&
        shown.map(({ label, probability, share: part, low, high }) => (
          <div class="vote" key={label} data-testid="vote-label" data-label={label}>
            <span title={label}>{label}</span>
            <Bar share={probability} label={`${label} ${share(probability)}`} />
            <em>{share(probability)}</em>
            <small data-testid="vote-range" title={part === null ? "" : words.voteShare(share(part))}>
              {low === null || high === null ? "" : words.voteRange(short(low), short(high))}
            </small>
          </div>
        ))}
      {!abstained && labels.length > 5 && (
        <button class="plain" onClick={() => setAll(!all)}>
          {all ? words.fewer : words.more(labels.length - 5)}
        </button>
      )}
      {!abstained && (
        <p class="note">
          {words.voteOf(voters.length || evidence.length, calibrated, votes ? fixed(votes, 1) : null)}{" "}
          {messages.value.frame.disclaimer}
        </p>
      )}
      {notes
        .filter((one) => one !== gallery.value?.disclaimer)
        .slice(0, 2)
        .map((one) => (
          <p class="note" key={one}>
            <FromServer said={messages.value.audits.note(one)} />
          </p>
        ))}
      <div class="neighbours" aria-label={words.voted}>
        {voters.slice(0, 14).map((one) => (
          <button
            key={one.id}
            data-testid="neighbour"
            title={words.neighbour(one.labels.join(", "), fixed(one.score, 3))}
            aria-label={words.showNeighbour(one.labels.join(", ") || messages.value.common.noLabel)}
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
  const words = messages.value.search;
  const [editing, setEditing] = useState(false);
  const may = mayChange.value;
  return (
    <section>
      <h3>{words.number(hit.rank)}</h3>
      <div class="chips">
        <button class="chip" data-testid="open-compare" onClick={() => compare(hit.id)}>
          <GitCompareArrows aria-hidden="true" />
          {words.compare}
        </button>
        <button class="chip" data-testid="use-as-query" onClick={() => searchFor({ kind: "record", id: hit.id })}>
          <Search aria-hidden="true" />
          {words.useAsQuery}
        </button>
        {(gallery.value?.studies ?? 0) > 0 && (
          <button
            class="chip"
            data-testid="use-study-as-query"
            onClick={() => searchFor({ kind: "study", id: hit.id })}
          >
            <Layers aria-hidden="true" />
            {words.useStudy}
          </button>
        )}
        {may && (
          <button class="chip" data-testid="edit-labels" onClick={() => setEditing(true)}>
            <Pencil aria-hidden="true" />
            {words.editLabels}
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
