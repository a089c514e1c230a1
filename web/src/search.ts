/** Runs what is asked: hits first, then the neighbours' vote; an older answer never overwrites a newer one. */
import { batch, computed, effect, signal } from "@preact/signals";
import { api, Problem, type Thing } from "./api";
import { bodyOf, voteOf } from "./body";
import { isFront, loadGalleries } from "./galleries";
import { messages } from "./messages";
import { remember } from "./recent";
import { ALONE, type Asked } from "./route";
import { bySeries } from "./series";
import { asking, ask, route, gallery, loadGallery, rename } from "./state";
import type { Bodies, ClassifyResult, Facet, SearchResult, Upload } from "./types";
import { textOf } from "./ui/facts";
import { say } from "./ui/notice";
import { whereOf } from "./where";

const NEIGHBOURS = 25; // of the vote
const PAUSE = 300; // milliseconds for which hits stand before their vote and counts are asked for: who goes on at once needs none
const NO_UPLOAD = "no-upload"; // the server's reason

export const result = signal<SearchResult | null>(null);
export const vote = signal<ClassifyResult | null>(null);
/** What the vote that is shown was asked with. */
export const votedOn = signal<Bodies["Classify"] | null>(null);
export const voteProblem = signal("");
export const voting = signal(false);
export const busy = signal(false);
export const uploading = signal("");
export const problem = signal<Problem | null>(null);
/** The files that were to be the query and were refused. The query before waits, out of sight, until it is asked again. */
export const turnedDown = signal<readonly File[]>([]);
export const facets = signal<Facet[]>([]);
/** Columns of the label table that say what DICOM's own attributes say: one field, listed once. */
export const saidTwice = computed(() => new Set(facets.value.flatMap((facet) => facet.also ?? [])));
export const selectedId = signal<string | null>(null);

/** What is known of queries and records beside their pictures, by id. */
type Together = Extract<Asked, { kind: "uploads" }>;

interface Facts {
  name: string;
  depth: number;
  modality: string | null;
  frame: number;
  /** That a volume is cut along: axial, coronal or sagittal; "" for a picture. */
  plane: string;
}
export const facts = signal<Record<string, Facts>>({});

export const hits = computed(() => result.value?.hits ?? []);
/** The hits as they are shown: where all records answer, those of a study stand together. */
export const shown = computed(() => {
  const ranks = asking.value.per === "record" ? (result.value?.studies ?? []).flatMap((study) => study.ranks) : [];
  const together = ranks.map((rank) => hits.value[rank - 1]!);
  return together.length === hits.value.length ? together : hits.value;
});
export const selected = computed(() => hits.value.find((hit) => hit.id === selectedId.value) ?? null);
/** Something similar is in the gallery, and the filter leaves none of it. */
export const filteredAway = computed(() => (result.value?.unfiltered ?? null) !== null);
/** The uploaded query has left the server; the rest of the search stands. */
export const expired = computed(() => problem.value?.reason === NO_UPLOAD);
/** The question names a record that the gallery does not have: an old link, or a wrong one. */
export const noRecord = computed(() => problem.value?.status === 404 && problem.value.reason === "not-found");

/** The files of this tab's uploads: one that the server has let go is sent again. They are stored nowhere. */
const files = new Map<string, readonly File[]>();
/** Sent again, and not found since: they are not sent a third time. */
const unanswered = new Set<string>();

let running: AbortController | null = null;
let searching: Promise<unknown> = Promise.resolve(); // the search under way, if there is one

export async function search(): Promise<void> {
  running?.abort();
  turnedDown.value = [];
  const body = bodyOf(asking.value);
  if (!body) {
    batch(() => {
      [result.value, vote.value, problem.value, busy.value, selectedId.value] = [null, null, null, false, null];
    });
    return;
  }
  const mine = (running = new AbortController());
  busy.value = true;
  try {
    const found = await (searching = api.search(body, mine.signal));
    batch(() => {
      result.value = found;
      problem.value = null;
      busy.value = false;
      if (!found.hits.some((hit) => hit.id === selectedId.value)) selectedId.value = found.hits[0]?.id ?? null;
    });
    unanswered.clear();
    remember(asking.peek());
    await askNeighbours(mine.signal);
  } catch (error) {
    if (mine.signal.aborted) return;
    if (error instanceof Problem && error.reason === NO_UPLOAD && (await sentAgain(mine.signal))) return;
    if (mine.signal.aborted) return;
    busy.value = false;
    problem.value = error instanceof Problem ? error : new Problem(0, messages.value.common.pageFailed, (error as Error).message);
    // A refused question has no answer; while the server is gone the last answer stays in sight.
    if (problem.value.status) [result.value, vote.value] = [null, null];
  }
}

/** Whether what is asked with was sent again: it has other names then, and is searched with as soon as it has them. */
async function sentAgain(signal: AbortSignal): Promise<boolean> {
  const { asked } = asking.peek();
  const ids = asked?.kind === "upload" ? [asked.id] : asked?.kind === "uploads" ? asked.ids : [];
  if (ids.length === 0 || ids.some((id) => !files.has(id) || unanswered.has(id))) return false;
  try {
    const fresh: string[] = [];
    for (const id of ids) {
      const some = files.get(id)!;
      await Promise.all(some.map((file) => file.slice(0, 1).arrayBuffer())); // may be gone from the disk, or changed
      fresh.push((await uploaded(some, signal)).id);
    }
    for (const id of fresh) unanswered.add(id);
    say(messages.peek().search.sentAgain);
    rename({ asked: asked!.kind === "upload" ? { ...asked!, id: fresh[0]! } : { ...(asked as Together), ids: fresh } });
    return true;
  } catch {
    return false;
  }
}

async function uploaded(some: readonly File[], signal?: AbortSignal): Promise<Upload> {
  const upload = await api.upload(some, signal);
  files.set(upload.id, some);
  return upload;
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, PAUSE));

async function askNeighbours(signal: AbortSignal): Promise<void> {
  const k = Math.min(NEIGHBOURS, Math.max(1, gallery.value?.records ?? 1));
  const body = voteOf(asking.value, k);
  if (!body || !gallery.value?.labels.length) {
    vote.value = null;
    return;
  }
  voting.value = true;
  try {
    await pause();
    if (signal.aborted) return;
    const counted = await api.classify(body, signal);
    batch(() => ([vote.value, votedOn.value] = [counted, body]));
    voteProblem.value = "";
  } catch (error) {
    if (signal.aborted) return;
    vote.value = null;
    voteProblem.value = (error as Error).message;
  } finally {
    if (!signal.aborted) voting.value = false;
  }
}

/** Name and depth of an upload or a record, asked once. */
export async function loadFacts(thing: Thing): Promise<Facts | null> {
  const id = "upload" in thing ? thing.upload : thing.record;
  const known = facts.value[id];
  if (known) return known;
  try {
    const found = "upload" in thing ? await api.uploaded(id) : await api.record(id);
    const fact =
      "viewer" in found
        ? { name: found.name, depth: found.depth, modality: found.modality, frame: 0, plane: found.plane }
        : {
            name: found.source,
            depth: found.depth,
            modality: textOf(found.attributes["Modality"]) || null,
            frame: found.frame,
            plane: textOf(found.attributes["plane"]),
          };
    facts.value = { ...facts.value, [id]: fact };
    return fact;
  } catch {
    return null;
  }
}

let counting = 0;

/** Counts under the filters; of a field that is filtered itself, what it would give without its own filter. */
async function loadFacets(): Promise<void> {
  const mine = ++counting;
  const { filters, own } = asking.value;
  const ask = async (without: string | null): Promise<Facet[]> =>
    (
      await api.facets(
        whereOf(
          filters.filter((filter) => filter.field !== without),
          own,
        ),
      )
    ).items;
  try {
    const fields = filters.map((filter) => filter.field);
    const [all, ...others] = await Promise.all([ask(null), ...fields.map(ask)]);
    const free = new Map(fields.map((field, at) => [field, others[at]?.find((facet) => facet.field === field)]));
    if (mine === counting) facets.value = all!.map((facet) => free.get(facet.field) ?? facet);
  } catch {
    if (mine === counting) facets.value = [];
  }
}

/** Counts wait for the hits of the same change, which they would hold up; and those of the next one, if it comes at once. */
async function countAfterHits(mine: number): Promise<void> {
  await Promise.resolve(); // the search of this change begins
  await searching.catch(() => undefined);
  if (facets.value.length > 0) await pause();
  if (mine === counting) await loadFacets();
}

/** Files that were dropped or chosen become the query. */
export async function askWith(given: readonly File[]): Promise<void> {
  if (given.length === 0) return;
  uploading.value = given.length === 1 ? given[0]!.name : messages.peek().search.manyFiles(given.length);
  const again = expired.value; // of a link, whose region and examples then stay
  try {
    const upload = await uploaded(given);
    const name = upload.files > 1 ? messages.peek().search.seriesOfFiles(upload.files) : upload.name;
    facts.value = {
      ...facts.value,
      [upload.id]: { name, depth: upload.depth, modality: upload.modality, frame: 0, plane: upload.plane },
    };
    [problem.value, turnedDown.value] = [null, []];
    if (upload.files < given.length) say(messages.peek().search.othersUnused(name));
    ask({
      asked: { kind: "upload", id: upload.id, name, volume: upload.kind === "volume" },
      ...(again ? {} : { roi: null, positive: [], negative: [] }),
    });
  } catch (error) {
    turnDown(given, error as Problem);
  } finally {
    uploading.value = "";
  }
}

/** Files as one study: an upload for each series, all of which ask together. What is no image is left out. */
export async function askWithStudy(given: readonly File[]): Promise<void> {
  const words = messages.peek().search;
  uploading.value = words.theStudy;
  try {
    const series = await bySeries(given);
    if (series.length > MOST_SERIES) throw new Problem(400, words.tooManySeries, words.tooMany(series.length, MOST_SERIES));
    const ids: string[] = [];
    for (const [at, some] of series.entries()) {
      uploading.value = words.seriesAt(at + 1, series.length);
      ids.push(...(await uploadedSeries(some)));
    }
    if (ids.length === 0) throw new Problem(422, words.noImage, "", "not-an-image");
    const name = words.studyUploaded(ids.length);
    [problem.value, turnedDown.value] = [null, []];
    ask({ ...ALONE, asked: { kind: "uploads", ids, name } });
  } catch (error) {
    turnDown(given, error as Problem);
  } finally {
    uploading.value = "";
  }
}

const MOST_SERIES = 200; // in one study, as the server takes them

/** The upload of one series, or of each picture of one that is no volume; none where nothing of it is an image. */
async function uploadedSeries(given: readonly File[]): Promise<string[]> {
  try {
    const { id, kind } = await uploaded(given);
    return kind === "table" ? [] : [id];
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 422) throw error;
    const ids: string[] = [];
    if (error.reason !== "not-one-series" || given.length > MOST_SERIES) return ids;
    for (const file of given) ids.push(...(await uploadedSeries([file])));
    return ids;
  }
}

function turnDown(given: readonly File[], why: Problem): void {
  batch(() => {
    problem.value = why;
    turnedDown.value = given;
    [result.value, vote.value, selectedId.value] = [null, null, null];
  });
}

/** Searches whenever what is asked changes, and only then. */
export function searchOnChange(): void {
  let last = "";
  effect(() => {
    const now = JSON.stringify(bodyOf(asking.value));
    if (now === last || route.value.view !== "search") return;
    last = now;
    void search();
  });
  let lastWhere: string | null | undefined;
  effect(() => {
    const where = whereOf(asking.value.filters, asking.value.own);
    if (!gallery.value || where === lastWhere) return;
    lastWhere = where;
    void countAfterHits(++counting);
  });
}

/** After records came, went or were labelled. */
export async function refresh(): Promise<void> {
  await loadGalleries();
  if (isFront.value) return;
  await loadGallery();
  await Promise.all([loadFacets(), search()]);
}
