/** The only place that talks to the server: one function per route, every failure a `Problem`. */
import { signal } from "@preact/signals";
import { messages } from "./messages";
import type {
  BackupList,
  Bodies,
  ChangedLabels,
  ClassifyResult,
  CohortList,
  CohortSaved,
  CohortShown,
  Decided,
  DecisionList,
  Explanation,
  FacetPage,
  Gallery,
  GalleryList,
  ImportFolders,
  Job,
  JobListing,
  LabelLog,
  LabelNext,
  LabelOrder,
  MapGroups,
  OwnReadings,
  ReaderList,
  ReadingAgreement,
  ReadingRound,
  ReadingRoundInfo,
  ReadingsGiven,
  RecordFiles,
  RecordPage,
  RecordReport,
  RefusedPage,
  Removed,
  ScheduleList,
  RoundList,
  SearchResult,
  Session,
  SignedOut,
  SimilarStudies,
  Stored,
  StudyRecords,
  Timeline,
  Upload,
} from "./types";

const BASE = "api/v1";
const KEY = "lookalike-key";

/** True while the server does not answer at all. The query is kept and asked again when it is back. */
export const gone = signal(false);
/** True when the server wants a key. */
export const locked = signal(false);

/** RFC 9457 problem details, in the page's language where that has them. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly reason = "",
    /** Seconds after which it may be asked again, where the server says so. */
    readonly after: number | null = null,
  ) {
    super(detail || title);
  }
}

/** What changes nothing, besides every GET: it is asked again when the server has no answer for now and says when. */
const READS = ["/search", "/explain", "/classify"];
const BUSY = [429, 503];
const AGAIN = 4; // times
const SOON = 5; // seconds: who would wait longer is told so instead

/** The key lives as long as the tab: nothing is left behind on a shared machine. */
export const key = {
  get: (): string => sessionStorage.getItem(KEY) ?? "",
  set: (value: string): void => {
    if (value) sessionStorage.setItem(KEY, value);
    else sessionStorage.removeItem(KEY);
    locked.value = false;
  },
};

async function ask(method: string, path: string, body?: unknown, abort?: AbortSignal): Promise<Response> {
  const isRead = method === "GET" || READS.includes(path);
  for (let turn = 0; ; turn++) {
    try {
      return await askOnce(method, path, body, abort);
    } catch (error) {
      const wait = turn < AGAIN && isRead ? pauseBefore(error, turn) : null;
      if (wait === null) throw error;
      await pause(wait, abort);
    }
  }
}

/** Milliseconds until it is asked again, longer each time and not all pictures of a list at once; null: not again. */
function pauseBefore(error: unknown, turn: number): number | null {
  if (!(error instanceof Problem) || !BUSY.includes(error.status)) return null;
  if (error.after === null || error.after > SOON) return null;
  return error.after * 1000 * (1 + turn / 2 + Math.random() / 2);
}

function pause(milliseconds: number, abort?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => (clearTimeout(timer), reject(abort!.reason));
    const timer = setTimeout(() => (abort?.removeEventListener("abort", stop), resolve()), milliseconds);
    abort?.addEventListener("abort", stop, { once: true });
  });
}

async function askOnce(method: string, path: string, body?: unknown, abort?: AbortSignal): Promise<Response> {
  const headers = new Headers();
  const used = key.get();
  if (used) headers.set("Authorization", `Bearer ${used}`);
  const form = body instanceof FormData;
  if (body !== undefined && !form) headers.set("Content-Type", "application/json");
  let answer: Response;
  try {
    answer = await fetch(`${BASE}${path}`, {
      method,
      headers,
      signal: abort ?? null,
      body: body === undefined ? null : form ? body : JSON.stringify(body),
    });
  } catch (error) {
    if ((error as Error).name === "AbortError") throw error;
    gone.value = true;
    throw new Problem(0, messages.peek().common.serverGone, messages.peek().common.serverGoneKept);
  }
  gone.value = false;
  if (answer.ok) return answer;
  // A late answer to a key that was replaced meanwhile says nothing of the one in use.
  if (answer.status === 401 && used === key.get()) locked.value = true;
  throw await problemOf(answer);
}

async function problemOf(answer: Response): Promise<Problem> {
  const given = answer.headers.get("Retry-After");
  const after = given === null || Number.isNaN(Number(given)) ? null : Number(given);
  try {
    const { title, detail, reason } = (await answer.json()) as Record<string, unknown>;
    const words = messages.peek().audits.note(said(detail)).text;
    return new Problem(answer.status, String(title ?? answer.statusText), words, String(reason ?? ""), after);
  } catch {
    return new Problem(answer.status, answer.statusText || `error ${answer.status}`, "", "", after);
  }
}

/** A detail is a sentence; where a validator answers with a list, its messages are joined. */
function said(detail: unknown): string {
  if (Array.isArray(detail)) return detail.map((one) => String((one as { msg?: string }).msg ?? "")).join("; ");
  return typeof detail === "string" ? detail : "";
}

const json = async <T>(method: string, path: string, body?: unknown, abort?: AbortSignal): Promise<T> =>
  (await (await ask(method, path, body, abort)).json()) as T;

const blob = async (path: string, abort?: AbortSignal): Promise<Blob> =>
  (await ask("GET", path, undefined, abort)).blob();

const bytes = async (path: string): Promise<ArrayBuffer> => (await ask("GET", path)).arrayBuffer();

/** A file with the name that the server gives it: its suffix says what it is, where that is not the source's own. */
async function named(path: string, abort?: AbortSignal): Promise<File> {
  const answer = await ask("GET", path, undefined, abort);
  const given = /filename="([^"]*)"/.exec(answer.headers.get("content-disposition") ?? "");
  return new File([await answer.blob()], given?.[1] ?? "");
}

const name = encodeURIComponent;
const params = (values: Record<string, string | number | null | undefined>): string => {
  const given = Object.entries(values).filter(
    (pair) => pair[1] !== null && pair[1] !== undefined && pair[1] !== "",
  );
  return given.length ? `?${given.map(([field, value]) => `${field}=${name(String(value))}`).join("&")}` : "";
};

function filesForm(files: readonly File[]): FormData {
  const form = new FormData();
  for (const file of files) form.append("file", file, file.name);
  return form;
}

async function removed(path: string): Promise<unknown> {
  const answer = await ask("DELETE", path);
  return answer.status === 204 ? null : answer.json();
}

export type Thing = { upload: string } | { record: string };
const at = (thing: Thing): string =>
  "upload" in thing ? `/uploads/${name(thing.upload)}` : `/records/${name(thing.record)}`;

export const paths = {
  thumbnail: (id: string): string => `/records/${name(id)}/thumbnail`,
  picture: (thing: Thing, slice?: number | null, size = 512): string =>
    `${at(thing)}/picture${params({ slice, size })}`,
};

export const api = {
  session: () => json<Session>("GET", "/session"),
  signOut: () => json<SignedOut>("DELETE", "/session"),
  galleries: () => json<GalleryList>("GET", "/galleries"),
  gallery: () => json<Gallery>("GET", "/gallery"),
  upload: (files: readonly File[], abort?: AbortSignal) =>
    json<Upload>("POST", "/uploads", filesForm(files), abort),
  uploaded: (id: string) => json<Upload>("GET", `/uploads/${name(id)}`),
  search: (body: Bodies["Search"], abort?: AbortSignal) => json<SearchResult>("POST", "/search", body, abort),
  evidence: async (body: Bodies["Search"], format: "html" | "pdf") =>
    (await ask("POST", `/search/evidence?format=${format}`, body)).blob(),
  explain: (body: Bodies["Explain"], abort?: AbortSignal) =>
    json<Explanation>("POST", "/explain", body, abort),
  classify: (body: Bodies["Classify"], abort?: AbortSignal) =>
    json<ClassifyResult>("POST", "/classify", body, abort),
  records: (where: string | null, limit: number, cursor: string | null, abort?: AbortSignal, order = "") =>
    json<RecordPage>("GET", `/records${params({ where, limit, cursor, order })}`, undefined, abort),
  record: (id: string) => json<Stored>("GET", `/records/${name(id)}`),
  study: (id: string, abort?: AbortSignal) =>
    json<StudyRecords>("GET", `/records/${name(id)}/study`, undefined, abort),
  timeline: (id: string, like: string | null, space: string, abort?: AbortSignal) =>
    json<Timeline>("GET", `/records/${name(id)}/timeline${params({ like, space })}`, undefined, abort),
  reportOf: (id: string, abort?: AbortSignal) =>
    json<RecordReport>("GET", `/records/${name(id)}/report`, undefined, abort),
  similarStudies: (uid: string) => json<SimilarStudies>("GET", `/similar-studies${params({ SimilarTo: uid })}`),
  recordFiles: (id: string) =>
    json<RecordFiles>("GET", `/records/${name(id)}/files`),
  file: (thing: Thing, n: number, abort?: AbortSignal) => named(`${at(thing)}/file?n=${n}`, abort),
  blob,
  facets: (where: string | null) => json<FacetPage>("GET", `/facets${params({ where })}`),
  refused: (limit: number, cursor: string | null) =>
    json<RefusedPage>("GET", `/refused${params({ limit, cursor })}`),
  changeLabels: (body: Bodies["ChangeLabels"]) => json<ChangedLabels>("POST", "/labels", body),
  importLabels: (body: Bodies["ImportLabels"]) => json<ChangedLabels>("POST", "/labels/import", body),
  labelTable: (where: string | null) => blob(`/labels/table${params({ where })}`),
  labelChanges: (limit: number, cursor: string | null) =>
    json<LabelLog>("GET", `/labels/log${params({ limit, cursor })}`),
  labelNext: (by: LabelOrder | null, budget: number, where: string | null, abort?: AbortSignal) =>
    json<LabelNext>("GET", `/labels/next${params({ by, budget, where })}`, undefined, abort),
  undoLabels: (body: Bodies["UndoLabels"]) => json<ChangedLabels>("POST", "/labels/undo", body),
  deleteRecord: (id: string) => removed(`/records/${name(id)}`),
  removeRecords: (body: Bodies["Remove"]) => json<Removed>("POST", "/records/remove", body),
  deletePatient: (group: string) => removed(`/patients/${name(group)}`),
  deleteSpace: (space: string) => removed(`/spaces/${name(space)}`),
  importFolders: (root: string, body: Bodies["ImportFolders"]) =>
    json<ImportFolders>("POST", `/imports/${name(root)}`, body),
  index: (body: Bodies["Index"]) => json<Job>("POST", "/index", body),
  tune: (body: Bodies["Tune"]) => json<Job>("POST", "/tune", body),
  adapt: (body: Bodies["Adapt"]) => json<Job>("POST", "/adapt", body),
  evaluate: (body: Bodies["Evaluate"]) => json<Job>("POST", "/evaluate", body),
  makeMap: (body: Bodies["Map"]) => json<Job>("POST", "/map", body),
  audit: (body: Bodies["Audit"]) => json<Job>("POST", "/audit", body),
  rounds: () => json<RoundList>("GET", "/readings"),
  readers: async () => (await json<ReaderList>("GET", "/readers")).items.map(({ reader }) => reader),
  startRound: (body: Bodies["StartRound"]) => json<ReadingRoundInfo>("POST", "/readings", body),
  closeRound: (round: string) => json<ReadingRoundInfo>("POST", `/readings/${name(round)}/close`),
  ownReadings: (round: string) => json<OwnReadings>("GET", `/readings/${name(round)}/own`),
  giveReadings: (round: string, body: Bodies["GiveReadings"]) =>
    json<ReadingsGiven>("POST", `/readings/${name(round)}`, body),
  readingRound: (round: string) => json<ReadingRound>("GET", `/readings/${name(round)}`),
  readingAgreement: (round: string) => json<ReadingAgreement>("GET", `/readings/${name(round)}/agreement`),
  adjudicate: (round: string, body: Bodies["Adjudicate"]) =>
    json<ReadingsGiven>("POST", `/readings/${name(round)}/adjudicate`, body),
  auditDuplicates: (body: Bodies["Duplicates"]) => json<Job>("POST", "/audit/duplicates", body),
  merge: (body: Bodies["Merge"]) => json<Job>("POST", "/merge", body),
  auditOutliers: (body: Bodies["Outliers"]) => json<Job>("POST", "/audit/outliers", body),
  auditQuality: (body: Bodies["Quality"]) => json<Job>("POST", "/audit/quality", body),
  auditMetadata: (body: Bodies["Metadata"]) => json<Job>("POST", "/audit/metadata", body),
  decisions: () => json<DecisionList>("GET", "/decisions"),
  decide: (body: Bodies["Decide"]) => json<Decided>("POST", "/decisions", body),
  undoDecision: (number: number) => json<Decided>("POST", `/decisions/${number}/undo`),
  cohorts: () => json<CohortList>("GET", "/cohorts"),
  cohort: (called: string) => json<CohortShown>("GET", `/cohorts/${name(called)}`),
  saveCohort: (body: Bodies["SaveCohort"]) => json<CohortSaved>("POST", "/cohorts", body),
  splitCohort: (called: string, body: Bodies["SplitCohort"]) =>
    json<Job>("POST", `/cohorts/${name(called)}/split`, body),
  exportCohort: (called: string, body: Bodies["ExportCohort"]) =>
    json<Job>("POST", `/cohorts/${name(called)}/export`, body),
  removeCohort: (called: string) => removed(`/cohorts/${name(called)}`),
  exported: (id: string) => blob(`/jobs/${name(id)}/export`),
  jobs: () => json<JobListing>("GET", "/jobs"),
  job: (id: string) => json<Job>("GET", `/jobs/${name(id)}`),
  schedules: () => json<ScheduleList>("GET", "/schedules"),
  backups: () => json<BackupList>("GET", "/backups"),
  backUp: () => json<Job>("POST", "/backup"),
  verifyBackup: (id: string) => json<Job>("POST", `/backups/${name(id)}/verify`),
  cancel: (id: string) => removed(`/jobs/${name(id)}`),
  report: (id: string, format: string) => blob(`/jobs/${name(id)}/report?format=${format}`),
  mapPoints: (method: string, space: string) => bytes(`/map/points${params({ method, space })}`),
  mapColumn: (method: string, space: string, field: string) => bytes(`/map/column${params({ method, space, field })}`),
  mapErrors: (method: string, space: string) => bytes(`/map/errors${params({ method, space })}`),
  mapGroups: (method: string, space: string) => json<MapGroups>("GET", `/map/groups${params({ method, space })}`),
};

/** Whether the server answers again; asked outside the API so that it needs no key. */
export async function alive(): Promise<boolean> {
  try {
    return (await fetch("healthz", { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}

/** Resolves once the server answers again. */
export const back = (): Promise<void> =>
  new Promise((resolve) => {
    const stop = gone.subscribe((isGone) => {
      if (isGone) return;
      resolve();
      queueMicrotask(() => stop()); // it is called before there is something to stop
    });
  });

/** Where an <img> may fetch a picture itself; null where a key must go with the request. */
export const plainAddress = (path: string): string | null => (key.get() ? null : `${BASE}${path}`);
