/** Questions asked before, newest first. They stay in this browser, and what may tell of a patient stays in this tab. */
import { effect, signal, type ReadonlySignal } from "@preact/signals";
import { key } from "./api";
import { messages } from "./messages";
import { addressOf, isEmpty, routeOf, type Asking } from "./route";
import { summary } from "./where";

const KEPT = "lookalike-recent";
const MOST = 20;

interface Kept {
  /** Whose questions these are: nobody else's are shown. */
  who: string;
  addresses: string[];
}

export const recent = signal<readonly Asking[]>([]);

/**
 * Whether a question may be kept after the tab is closed: the ids of records are pseudonyms, and words are what to look
 * for. Not a file's name, words of reports, a date, or an expression, any of which may name a patient.
 */
export const mayBeKept = ({ asked, report, before, own, filters }: Asking): boolean =>
  asked?.kind !== "upload" &&
  asked?.kind !== "uploads" &&
  !report &&
  !before &&
  !own &&
  filters.every(({ field }) => !["patient", "source"].includes(field));

/** The question without what steers its ranking: asked again in another way it is the same one. */
const subject = ({ asked, text, report, positive }: Asking): string =>
  JSON.stringify([asked, text, report, asked || text || report ? [] : positive]);

export const withNewest = (old: readonly Asking[], asking: Asking): Asking[] =>
  [asking, ...old.filter((one) => subject(one) !== subject(asking))].slice(0, MOST);

export function remember(asking: Asking): void {
  if (!isEmpty(asking)) recent.value = withNewest(recent.value, asking);
}

/** With a key nothing outlives the tab, as the key does not. */
const place = (): Storage => (key.get() ? sessionStorage : localStorage);
const nameHere = (): string => `${KEPT} ${location.pathname}`;

function read(who: string): Asking[] {
  try {
    const kept = JSON.parse(place().getItem(nameHere()) ?? "null") as Kept | null;
    if (kept?.who !== who) return [];
    return kept.addresses.map((address) => routeOf(address).asking).filter((one) => !isEmpty(one) && mayBeKept(one));
  } catch {
    return []; // written by another version, or by hand
  }
}

/** Of every gallery: at sign-out, and when somebody asks for it. */
export function forgetRecent(): void {
  recent.value = [];
  for (const storage of [localStorage, sessionStorage]) {
    for (const name of Object.keys(storage).filter((one) => one.startsWith(KEPT))) storage.removeItem(name);
  }
}

/** who: is here; null while nobody known is. Those of somebody else who used this browser are removed. */
export function keepRecent(who: ReadonlySignal<string | null>): void {
  let loaded: string | null = null;
  effect(() => {
    const name = who.value;
    if (name === null || name === loaded) return;
    const here = loaded === null ? recent.peek() : []; // asked before it was known who asks
    loaded = name;
    recent.value = here.reduceRight<Asking[]>((old, one) => withNewest(old, one), read(name));
  });
  effect(() => {
    const addresses = recent.value
      .filter(mayBeKept)
      .map((asking) => addressOf({ view: "search", asking, compare: null }));
    if (loaded === null || loaded !== who.value) return;
    place().setItem(nameHere(), JSON.stringify({ who: loaded, addresses } satisfies Kept));
  });
}

/** A question in words. */
export function told({ asked, text, report, positive, roi, filters, own, space }: Asking): string {
  const words = messages.value.search;
  const says = words.recent;
  const what = {
    upload: asked?.kind === "upload" ? asked.name : "",
    uploads: asked?.kind === "uploads" ? asked.name : "",
    record: asked?.kind === "record" ? says.record(asked.id.slice(0, 8)) : "",
    records: asked?.kind === "records" ? words.together(asked.ids.length) : "",
    study: asked?.kind === "study" ? says.study(asked.id.slice(0, 8)) : "",
  };
  return [
    asked ? (roi ? says.regionOf(what[asked.kind]) : what[asked.kind]) : "",
    text && words.quoted(text),
    report && says.reports(report),
    !asked && !text && !report && positive[0] ? says.like(positive[0].slice(0, 8)) : "",
    ...filters.map((filter) => `${filter.field} ${summary(filter)}`),
    own,
    space === "base" ? "" : says.space(space),
  ]
    .filter(Boolean)
    .join(" · ");
}
