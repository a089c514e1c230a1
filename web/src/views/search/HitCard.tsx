import { GitCompareArrows, Minus, Plus } from "lucide-preact";
import { useState } from "preact/hooks";
import { paths } from "../../api";
import { canSteer, steered } from "../../body";
import { fixed, messages } from "../../messages";
import { hits, result, selectedId } from "../../search";
import { ask, asking, compare } from "../../state";
import type { Box, Hit } from "../../types";
import { factsOf, fileName, textOf } from "../../ui/facts";
import { Picture } from "../../ui/Picture";
import { Bar } from "../../ui/small";
import { isLarge } from "../../ui/tiles";
import { sinceQuery } from "./timeline";

interface Props {
  hit: Hit;
  chosen: boolean;
  likely: string | null;
}

export function HitCard({ hit, chosen, likely }: Props) {
  const words = messages.value.search;
  const [size, setSize] = useState<[number, number]>([1, 1]);
  const [gone, setGone] = useState(false);
  const slice = sliceOf(hit);
  const { positive, negative } = asking.value;
  const more = positive.includes(hit.id);
  const less = negative.includes(hit.id);
  const name = words.hitName(hit.rank, hit.labels.join(", ") || messages.value.common.noLabel);
  const facts = factsOf(hit.attributes) || fileName(hit.source);
  const about = [groupWords(hit), timeWords(hit), sliceWords(hit), facts, moreWords(hit)].filter(Boolean).join(" · ");
  const steer = (way: "more" | "less") => (event: Event) => {
    event.stopPropagation();
    ask(steered(asking.value, hit.id, way));
  };
  return (
    <article
      id={`hit-${hit.rank}`}
      class={`card hit ${chosen ? "chosen" : ""}`}
      tabIndex={0}
      aria-label={name}
      aria-current={chosen}
      data-testid="hit"
      data-id={hit.id}
      data-rank={hit.rank}
      data-patient={hit.patient}
      onClick={() => (selectedId.value = hit.id)}
      onFocus={() => (selectedId.value = hit.id)}
      onDblClick={() => compare(hit.id)}
    >
      <div class="image">
        <Picture
          path={pathOf(hit.id, slice, gone)}
          alt=""
          onLoad={(width, height) => setSize([width, height])}
          onMissing={() => setGone(true)}
        />
        {slice !== null && gone && (
          <span class="mark other" data-testid="other-slice" title={words.sourceGone}>
            {words.otherSlice}
          </span>
        )}
        {hit.region && <BoxOver box={hit.region.box} size={size} />}
        {(more || less) && (
          <span class={`mark ${less ? "less" : ""}`}>{more ? words.moreLikeThis : words.lessLikeThis}</span>
        )}
      </div>
      <Score hit={hit} />
      <div class="tags">
        {hit.labels.length === 0 && <span class="tag">{messages.value.common.noLabel}</span>}
        {hit.labels.map((label) => (
          <span key={label} class={`tag ${label === likely ? "on" : ""}`} title={label}>
            {label}
          </span>
        ))}
      </div>
      <div class="under">
        <p class="facts" title={`${about} (${fileName(hit.source)})`}>
          {about}
        </p>
        <div class="actions">
          {canSteer(asking.value) && (
            <>
              <button
                aria-label={words.moreLike(name)}
                title={words.moreLikeTitle}
                aria-pressed={more}
                data-testid="hit-more"
                onClick={steer("more")}
              >
                <Plus aria-hidden="true" />
              </button>
              <button
                class="minus"
                aria-label={words.lessLike(name)}
                title={words.lessLikeTitle}
                aria-pressed={less}
                data-testid="hit-less"
                onClick={steer("less")}
              >
                <Minus aria-hidden="true" />
              </button>
            </>
          )}
          <button
            aria-label={words.compareWith(name)}
            title={words.compareTitle}
            data-testid="hit-compare"
            onClick={(event) => {
              event.stopPropagation();
              compare(hit.id);
            }}
          >
            <GitCompareArrows aria-hidden="true" />
          </button>
        </div>
      </div>
    </article>
  );
}

function Score({ hit }: { hit: Hit }) {
  const says = messages.value.search;
  // A fused score is no cosine, so there is no background to stand it against.
  if (hit.percentile === null || hit.percentile === undefined) {
    const fused = hit.placed.length > 1 || hits.value.some((one) => one.placed.length > 1);
    return (
      <div class="score">
        <b class="rank">{hit.rank}</b>
        <Bar share={fused ? hit.score / hits.value[0]!.score : hit.score} label={says.score} />
        <span class="numbers" data-testid="hit-score">
          {fixed(hit.score, 3)}
        </span>
      </div>
    );
  }
  const words = `${fixed(hit.percentile, 1)}%`;
  const near =
    hit.nearness === null ? "" : says.nearerThan(hit.nearness.toFixed(0));
  const title = says.scoreTitle(words, near, fixed(hit.score, 3));
  return (
    <div class="score" title={title}>
      <b class="rank">{hit.rank}</b>
      <Bar share={(hit.percentile - 50) / 50} label={says.percentile(words)} />
      <span class="numbers" data-testid="hit-percentile">
        {words}
      </span>
    </div>
  );
}

/** The gallery's own small picture, unless a certain slice or a larger picture is wanted and its file is there. */
function pathOf(id: string, slice: number | null, gone: boolean): string {
  if (gone || (slice === null && !isLarge())) return paths.thumbnail(id);
  return paths.picture({ record: id }, slice, isLarge() ? 512 : 256);
}

/** The slice that answers, of a volume; null where the record is one picture or answers as a whole. */
const sliceOf = ({ depth, match, region }: Hit): number | null =>
  depth < 2 ? null : (region?.slice ?? match?.slice ?? null);

/** Of how many records a study is that answers; else where the fused rankings have the hit. */
function groupWords({ study, placed }: Hit): string {
  if (study) return messages.value.search.studyOf(study.records);
  return placed.map(({ ranking, rank }) => messages.value.search.placed(ranking, rank)).join(", ");
}

/** Of the own patient's studies it matters most when they were. */
function timeWords({ day }: Hit): string {
  const query = result.value?.query_day ?? null;
  return asking.value.ownPatient === "earlier" && day !== null ? sinceQuery(day, query) : "";
}

const moreWords = ({ others }: Hit): string => (others ? messages.value.search.othersOf(others, asking.value.per) : "");

function sliceWords(hit: Hit): string {
  const says = messages.value.search;
  const { depth, attributes } = hit;
  const slice = sliceOf(hit);
  if (depth < 2) return "";
  const through = hit.region?.slices ?? [];
  if (through.length) return says.slicesTo(through[0]! + 1, through.at(-1)! + 1, depth);
  const words = slice === null ? messages.value.common.slices(depth) : says.sliceOf(slice + 1, depth);
  return `${words} ${textOf(attributes["plane"])}`.trim();
}

/** The same fit as the picture's `object-fit: contain`, so that the box lies where it belongs. */
function BoxOver({ box: [x0, y0, x1, y1], size: [width, height] }: { box: Box; size: [number, number] }) {
  return (
    <svg
      class="where"
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="xMidYMid meet"
      aria-hidden="true"
      data-testid="hit-box"
    >
      <rect x={x0 * width} y={y0 * height} width={(x1 - x0) * width} height={(y1 - y0) * height} />
    </svg>
  );
}
