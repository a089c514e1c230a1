/** The middle of the page: the hits, or the state that stands in their place. */
import { CircleSlash2, CloudOff, FileWarning, ImagePlus, Images, Layers, SearchX } from "lucide-preact";
import { gone } from "../../api";
import { messages } from "../../messages";
import {
  askWith,
  askWithStudy,
  busy,
  expired,
  filteredAway,
  hits,
  noRecord,
  problem,
  result,
  search,
  selectedId,
  shown,
  turnedDown,
  uploading,
  vote,
} from "../../search";
import { ask, asking, canUndo, gallery, go, undo } from "../../state";
import { isEmpty, isStudy } from "../../route";
import type { Hit } from "../../types";
import { encoderWords } from "../../ui/encoder";
import { isRefusal, todoOf, whatOf } from "../../ui/reasons";
import { Empty } from "../../ui/small";
import { TileSize } from "../../ui/TileSize";
import { whereOf } from "../../where";
import { SaveCohort, type Choice } from "../gallery/SaveCohort";
import { HitCard } from "./HitCard";
import { maySeeReports } from "./Reports";

const MOST_OFFERED = 12; // of files that were dropped together

export function Hits() {
  const words = messages.value.search;
  if (gallery.value?.records === 0) return <EmptyGallery />;
  if (uploading.value) {
    return (
      <Empty icon={ImagePlus} title={words.reading(uploading.value)} testid="uploading">
        <p class="working">{words.staysHere}</p>
      </Empty>
    );
  }
  if (expired.value) return <Expired />;
  if (noRecord.value) return <NoRecord />;
  if (problem.value && problem.value.status) return <Refused />;
  if (isEmpty(asking.value)) return <Nothing />;
  if (!result.value && gone.value) {
    return (
      <Empty icon={CloudOff} title={messages.value.common.serverGone} testid="gone">
        <p>{words.goneKept}</p>
      </Empty>
    );
  }
  if (!result.value)
    return (
      <Empty icon={Images} title={words.searching} testid="searching">
        <p class="working">…</p>
      </Empty>
    );
  return <Found />;
}

/** What chose the hits, where a cohort can ask it again; else the hits themselves. */
function chosenBy(): Choice {
  const { asked, text, report, roi, per, ownPatient, positive, negative, filters, own, space, k } = asking.value;
  const like = asked?.kind === "record" ? [asked.id] : asked?.kind === "records" ? asked.ids : [];
  const again = (like.length > 0 || (!asked && text)) && !report && !roi && !positive.length && !negative.length;
  return again && per === "record" && ownPatient === "nothing"
    ? { like, text: text || null, k, where: whereOf(filters, own), space }
    : { ids: hits.value.map((hit) => hit.id) };
}

function Found() {
  const says = messages.value.search;
  const note = messages.value.audits.note(result.value?.note ?? "").text;
  const { asked, text, report, roi, per, ownPatient } = asking.value;
  const whole = isStudy(asked);
  const byReport = report !== "" && !text && !asked;
  const likely = vote.value && !vote.value.abstained ? (vote.value.labels[0]?.label ?? null) : null;
  const choice = chosenBy();
  const kept = choice.ids ? says.hitsKept(hits.value.length) : says.searchKept;
  const words = [
    hits.value.some((hit) => (hit.percentile ?? null) !== null)
      ? says.scorePercentile
      : says.scoreIs(scoreWords()),
    asked && asked.kind !== "records" ? says.ownPatient[ownPatient] : "",
    per !== "record" && !roi ? says.oneHit[per] : "",
    roi ? says.byRegion : "",
  ].filter(Boolean);
  return (
    <section aria-label={says.hits} aria-busy={busy.value}>
      <div class="top">
        <h2 data-testid="hits-title">
          {says.title(hits.value.length, whole, byReport)}
        </h2>
        <span>{words.join(" · ")}</span>
        {busy.value && (
          <span class="working" data-testid="busy">
            {says.again}
          </span>
        )}
        {hits.value.length > 0 && (
          <SaveCohort choice={choice} what={kept} testid="hits-cohort" />
        )}
        <TileSize />
      </div>
      {result.value?.abstained && <NothingSimilar />}
      {filteredAway.value && hits.value.length > 0 && <FilteredAway />}
      {note && !filteredAway.value && hits.value.length > 0 && (
        <p class="note" data-testid="search-note">
          {note}
        </p>
      )}
      {hits.value.length === 0 ? (
        <Empty icon={SearchX} title={says.noHits} testid="no-hits">
          <p data-testid="search-note">{sentence(note)}</p>
          {filtered() && <ClearFilters />}
        </Empty>
      ) : (
        <ol class="hits" data-testid="hits">
          {groups().map(([first, ...more]) =>
            more.length === 0 ? (
              <li key={first!.id}>
                <HitCard hit={first!} chosen={first!.id === selectedId.value} likely={likely} />
              </li>
            ) : (
              <li key={first!.study_id} class="of-study" data-testid="of-study">
                <h3>{says.ofStudy(more.length + 1, first!.rank)}</h3>
                <ol class="hits">
                  {[first!, ...more].map((hit) => (
                    <li key={hit.id}>
                      <HitCard hit={hit} chosen={hit.id === selectedId.value} likely={likely} />
                    </li>
                  ))}
                </ol>
              </li>
            ),
          )}
        </ol>
      )}
      <p class="note" data-testid="encoder-note">
        {encoderWords()}
      </p>
    </section>
  );
}

/** The hits as they are shown, those of one study together. */
function groups(): Hit[][] {
  const found: Hit[][] = [];
  for (const hit of shown.value) {
    const last = found.at(-1);
    if (asking.value.per === "record" && last?.[0]!.study_id === hit.study_id) last.push(hit);
    else found.push([hit]);
  }
  return found;
}

/** What the score of a hit is, where it is no cosine with a background to stand it against. */
function scoreWords(): string {
  const says = messages.value.search;
  const { asked, text, report, roi, weight } = asking.value;
  if (isStudy(asked)) return says.scoreStudy;
  if (roi) return says.scoreRegion;
  const fused = [asked && says.weight.picture, text && says.weight.words, report && says.weight.reports(String(weight))].filter(Boolean);
  if (fused.length > 1) return says.scoreFused(fused.join(", "));
  return report ? says.scoreReport : says.scoreRanked;
}

const filtered = (): boolean => asking.value.filters.length > 0 || asking.value.own !== "";
const sentence = (words: string): string => words && `${words[0]!.toUpperCase()}${words.slice(1)}.`.replace(/\.\.$/, ".");

const ClearFilters = () => (
  <button data-testid="clear-all-filters" onClick={() => ask({ filters: [], own: "" })}>
    {messages.value.search.clearFilters}
  </button>
);

function FilteredAway() {
  return (
    <div class="abstains" role="status" data-testid="filtered-away">
      <p data-testid="search-note">
        <strong>{sentence(messages.value.audits.note(result.value?.note ?? "").text)}</strong>
      </p>
      <ClearFilters />
    </div>
  );
}

function NothingSimilar() {
  return (
    <p class="abstains" role="status" data-testid="nothing-similar">
      <strong>{messages.value.search.nothingSimilar}</strong>
      {messages.value.search.nothingSimilarWhy}
    </p>
  );
}

function Nothing() {
  const { encoder, volumes } = gallery.value ?? {};
  const words = messages.value.search;
  return (
    <Empty icon={Images} title={words.byPicture} testid="nothing-asked">
      <p>
        {words.start(volumes ?? false, encoder?.text ?? false, maySeeReports())}
      </p>
    </Empty>
  );
}

function EmptyGallery() {
  const words = messages.value.search;
  return (
    <Empty icon={ImagePlus} title={words.empty} testid="empty-gallery">
      <p>
        {words.emptyWhat}
      </p>
      <button class="full" onClick={() => go("gallery")}>
        {words.addImages}
      </button>
    </Empty>
  );
}

function Expired() {
  const words = messages.value.search;
  return (
    <Empty icon={CircleSlash2} title={words.expired} testid="expired">
      <p>
        {words.expiredWhy}
      </p>
      <button onClick={() => ask({ asked: null, roi: null })}>{words.startWithout}</button>
    </Empty>
  );
}

function NoRecord() {
  const words = messages.value.search;
  const start = (): void => ask({ asked: null, roi: null, positive: [], negative: [] });
  return (
    <Empty icon={CircleSlash2} title={words.noRecord} testid="no-record">
      <p>{words.noRecordWhy}</p>
      <button class="full" data-testid="start-anew" onClick={start}>
        {words.startAnew}
      </button>
    </Empty>
  );
}

/** Files that were dropped together and are no series: each may be asked with by itself, or all as a study. */
function OneOf({ files }: { files: readonly File[] }) {
  const words = messages.value.search;
  const some = files.slice(0, MOST_OFFERED);
  return (
    <div class="chips" role="group" aria-label={words.oneOf} data-testid="one-of">
      {some.map((file, at) => (
        <button class="chip" key={at} data-testid="ask-with-one" onClick={() => void askWith([file])}>
          <span>{file.name}</span>
        </button>
      ))}
      {some.length < files.length && <span class="note">{messages.value.common.andMore(files.length - some.length)}</span>}
      <button class="chip on" data-testid="ask-all" onClick={() => void askWithStudy(files)}>
        <Layers aria-hidden="true" />
        {words.allAsStudy}
      </button>
    </div>
  );
}

function Refused() {
  const words = messages.value.search;
  if (!problem.value) return null;
  const { title, status, detail, reason } = problem.value;
  // A refused file left the query before as it was; a question that cannot be answered is one step too far.
  const files = turnedDown.value;
  const file = files.length > 0 || isRefusal(reason);
  const heading = file
    ? words.cannotSearch(files.length)
    : [400, 403, 404].includes(status)
      ? words.cannotAsk
      : title;
  return (
    <Empty icon={FileWarning} title={heading} testid="refused-query">
      <p data-testid="refused-detail">{whatOf(reason) || detail}</p>
      {reason && (
        <p>
          <span class="tag" data-testid="refused-reason">
            {reason}
          </span>
        </p>
      )}
      {file && <p data-testid="refused-advice">{`${todoOf(reason)} ${words.nothingKept}`}</p>}
      {files.length > 1 && <OneOf files={files} />}
      {(file ? !isEmpty(asking.value) : canUndo.value) && (
        <button data-testid="back-to-query" onClick={() => (file ? void search() : undo())}>
          {words.backToQuery}
        </button>
      )}
    </Empty>
  );
}
