/** The middle of the page: the hits, or the state that stands in their place. */
import { CircleSlash2, CloudOff, FileWarning, ImagePlus, Images, Layers, SearchX } from "lucide-preact";
import { gone } from "../../api";
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
import { isEmpty, isStudy, type OwnPatient } from "../../route";
import type { Hit } from "../../types";
import { isRefusal, todoOf, whatOf } from "../../ui/reasons";
import { counted, Empty } from "../../ui/small";
import { TileSize } from "../../ui/TileSize";
import { whereOf } from "../../where";
import { SaveCohort, type Choice } from "../gallery/SaveCohort";
import { HitCard } from "./HitCard";
import { maySeeReports } from "./Reports";

const MOST_OFFERED = 12; // of files that were dropped together

export function Hits() {
  if (gallery.value?.records === 0) return <EmptyGallery />;
  if (uploading.value) {
    return (
      <Empty icon={ImagePlus} title={`Reading ${uploading.value}`} testid="uploading">
        <p class="working">The picture goes to this gallery's own server and nowhere else.</p>
      </Empty>
    );
  }
  if (expired.value) return <Expired />;
  if (noRecord.value) return <NoRecord />;
  if (problem.value && problem.value.status) return <Refused />;
  if (isEmpty(asking.value)) return <Nothing />;
  if (!result.value && gone.value) {
    return (
      <Empty icon={CloudOff} title="The server does not answer" testid="gone">
        <p>Your question is kept and will be asked again.</p>
      </Empty>
    );
  }
  if (!result.value)
    return (
      <Empty icon={Images} title="Searching" testid="searching">
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
  const note = result.value?.note ?? "";
  const { asked, text, report, roi, per, ownPatient } = asking.value;
  const whole = isStudy(asked);
  const byReport = report && !text && !asked;
  const likely = vote.value && !vote.value.abstained ? (vote.value.labels[0]?.label ?? null) : null;
  const choice = chosenBy();
  const kept = choice.ids
    ? `These ${counted(hits.value.length, "hit")} are kept.`
    : "The search is kept, and can be asked again: more or other records may answer then.";
  const words = [
    hits.value.some((hit) => (hit.percentile ?? null) !== null)
      ? "score = percentile against this gallery's background"
      : `score = ${scoreWords()}`,
    asked && asked.kind !== "records" ? OWN_WORDS[ownPatient] : "",
    per !== "record" && !roi ? `one hit a ${per}` : "",
    roi ? "by region, in the base space" : "",
  ].filter(Boolean);
  return (
    <section aria-label="Hits" aria-busy={busy.value}>
      <div class="top">
        <h2 data-testid="hits-title">
          {hits.value.length} {whole ? "studies " : ""}
          {byReport ? "by their reports" : "most alike"}
        </h2>
        <span>{words.join(" · ")}</span>
        {busy.value && (
          <span class="working" data-testid="busy">
            ranking again…
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
        <Empty icon={SearchX} title="No record may answer this" testid="no-hits">
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
                <h3>{`${more.length + 1} of the study of number ${first!.rank}`}</h3>
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
        {gallery.value?.encoder.note}
      </p>
    </section>
  );
}

const OWN_WORDS: Record<OwnPatient, string> = {
  nothing: "patient of the query left out",
  earlier: "earlier studies of the query's patient alone",
  all: "patient of the query may answer",
  "not earlier": "earlier studies of the query's patient left out",
};

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
  const { asked, text, report, roi, weight } = asking.value;
  if (isStudy(asked)) return "mean cosine over the query's kinds of series";
  if (roi) return "mean cosine of the region at its best place";
  const fused = [asked && "picture 1", text && "words 1", report && `reports ${weight}`].filter(Boolean);
  if (fused.length > 1) return `places in the rankings together, by weight: ${fused.join(", ")}`;
  return report ? "best cosine of a sentence of its report" : "as ranked";
}

const filtered = (): boolean => asking.value.filters.length > 0 || asking.value.own !== "";
const sentence = (words: string): string => words && `${words[0]!.toUpperCase()}${words.slice(1)}.`.replace(/\.\.$/, ".");

const ClearFilters = () => (
  <button data-testid="clear-all-filters" onClick={() => ask({ filters: [], own: "" })}>
    Clear the filters
  </button>
);

function FilteredAway() {
  return (
    <div class="abstains" role="status" data-testid="filtered-away">
      <p data-testid="search-note">
        <strong>{sentence(result.value?.note ?? "")}</strong>
      </p>
      <ClearFilters />
    </div>
  );
}

function NothingSimilar() {
  return (
    <p class="abstains" role="status" data-testid="nothing-similar">
      <strong>Nothing similar here.</strong>
      Even the nearest records lie further from the query than this gallery's own records lie from each other. The
      hits below are only the least unlike.
    </p>
  );
}

function Nothing() {
  const { encoder, volumes } = gallery.value ?? {};
  const writes = [encoder?.text && "what to look for", maySeeReports() && "words to find in reports"].filter(Boolean);
  return (
    <Empty icon={Images} title="Search by a picture" testid="nothing-asked">
      <p>
        Drop a DICOM file, a PNG or JPEG{volumes ? ", a volume (NIfTI, NRRD) or the folder of a series" : ""}{" "}
        anywhere on this page{writes.length ? `, write ${writes.join(" or ")}` : ""}, or pick a record of the gallery.
      </p>
    </Empty>
  );
}

function EmptyGallery() {
  return (
    <Empty icon={ImagePlus} title="This gallery is empty" testid="empty-gallery">
      <p>
        Add images first: drop them in the gallery view, with a table of labels if there is one. Searching can start
        as soon as the first are read.
      </p>
      <button class="full" onClick={() => go("gallery")}>
        Add images
      </button>
    </Empty>
  );
}

function Expired() {
  return (
    <Empty icon={CircleSlash2} title="The query's picture is no longer here" testid="expired">
      <p>
        Uploads are kept for a while only, and this one has left the server. Drop the same file again: filters,
        space and examples of this link are kept.
      </p>
      <button onClick={() => ask({ asked: null, roi: null })}>Start without it</button>
    </Empty>
  );
}

function NoRecord() {
  const start = (): void => ask({ asked: null, roi: null, positive: [], negative: [] });
  return (
    <Empty icon={CircleSlash2} title="This record is not in the gallery" testid="no-record">
      <p>It was removed, or the link belongs to another gallery. Filters and space of the link are kept.</p>
      <button class="full" data-testid="start-anew" onClick={start}>
        Back to search
      </button>
    </Empty>
  );
}

/** Files that were dropped together and are no series: each may be asked with by itself, or all as a study. */
function OneOf({ files }: { files: readonly File[] }) {
  const some = files.slice(0, MOST_OFFERED);
  return (
    <div class="chips" role="group" aria-label="Ask with one of them, or with all" data-testid="one-of">
      {some.map((file, at) => (
        <button class="chip" key={at} data-testid="ask-with-one" onClick={() => void askWith([file])}>
          <span>{file.name}</span>
        </button>
      ))}
      {some.length < files.length && <span class="note">and {files.length - some.length} more</span>}
      <button class="chip on" data-testid="ask-all" onClick={() => void askWithStudy(files)}>
        <Layers aria-hidden="true" />
        All as one study
      </button>
    </div>
  );
}

function Refused() {
  if (!problem.value) return null;
  const { title, status, detail, reason } = problem.value;
  // A refused file left the query before as it was; a question that cannot be answered is one step too far.
  const files = turnedDown.value;
  const file = files.length > 0 || isRefusal(reason);
  const these = files.length > 1 ? "These files" : "This file";
  const heading = file
    ? `${these} cannot be searched with`
    : [400, 403, 404].includes(status)
      ? "This cannot be asked"
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
      {file && <p data-testid="refused-advice">{todoOf(reason)} Nothing of it was kept.</p>}
      {files.length > 1 && <OneOf files={files} />}
      {(file ? !isEmpty(asking.value) : canUndo.value) && (
        <button data-testid="back-to-query" onClick={() => (file ? void search() : undo())}>
          Back to the query before
        </button>
      )}
    </Empty>
  );
}
