/** What the page shows, as one value, and the same value as the address: a link restores all of it. */
import type { Box } from "./types";
import { isView, type View } from "./views/shown";
import type { Filter } from "./where";

export type Asked =
  | { kind: "upload"; id: string; name: string; volume: boolean }
  | { kind: "record"; id: string }
  | { kind: "records"; ids: string[] }
  /** A study of the gallery, by one of its records. */
  | { kind: "study"; id: string }
  /** A study that was sent: an upload for each series. */
  | { kind: "uploads"; ids: string[]; name: string };

export const PER = ["patient", "study", "series", "record"] as const;
export type Per = (typeof PER)[number];

/** nothing; earlier studies and nobody else; everything; everything but earlier studies. */
export const OWN_PATIENT = ["nothing", "earlier", "all", "not earlier"] as const;
export type OwnPatient = (typeof OWN_PATIENT)[number];

export interface Asking {
  asked: Asked | null;
  text: string;
  /** Words to be found in reports. */
  report: string;
  /** Of the reports' ranking, against 1 of the picture's. */
  weight: number;
  /** slices: the first and the last one of a box that goes through several, in place of one. */
  roi: { box: Box; slice: number | null; slices?: readonly [number, number] | null } | null;
  positive: string[];
  negative: string[];
  filters: Filter[];
  own: string;
  space: string;
  k: number;
  /** One hit of each, or all records. */
  per: Per;
  /** What the query's own patient may answer with. */
  ownPatient: OwnPatient;
  /** Of earlier studies those before a date, or so many days before the query's. */
  before: string;
}

export interface Route {
  view: View;
  asking: Asking;
  /** The hit that stands beside the query in the compare view. */
  compare: string | null;
}

export const EMPTY: Asking = {
  asked: null,
  text: "",
  report: "",
  weight: 1,
  roi: null,
  positive: [],
  negative: [],
  filters: [],
  own: "",
  space: "base",
  k: 12,
  per: "patient",
  ownPatient: "nothing",
  before: "",
};

export const isEmpty = ({ asked, text, report, positive }: Asking): boolean =>
  !asked && !text && !report && positive.length === 0;

/** What only another query than a study has. */
export const ALONE = { text: "", report: "", weight: 1, roi: null, positive: [], negative: [] } satisfies Partial<Asking>;

/** A whole study asks, by its series alone. */
export const isStudy = (asked: Asked | null): boolean => asked?.kind === "study" || asked?.kind === "uploads";

const join = (items: readonly string[]): string => items.map(encodeURIComponent).join("|");
const split = (text: string | null): string[] => (text ? text.split("|").map(decodeURIComponent) : []);

function filterText(filter: Filter): string {
  const value = filter.kind === "text" ? join(filter.values) : `${filter.min ?? ""}..${filter.max ?? ""}`;
  return `${filter.kind}:${encodeURIComponent(filter.field)}:${value}`;
}

function filterOf(text: string): Filter | null {
  const [kind, name = "", value = ""] = text.split(":");
  const field = decodeURIComponent(name);
  if (kind === "text") return { field, kind, values: split(value) };
  if (kind !== "number") return null;
  const [min, max] = value
    .split("..")
    .map((bound) => (bound === "" || Number.isNaN(Number(bound)) ? null : Number(bound)));
  return { field, kind, min: min ?? null, max: max ?? null };
}

export function addressOf({ view, asking, compare }: Route): string {
  const found = new URLSearchParams();
  const put = (name: string, value: string): void => void (value && found.append(name, value));
  const { asked } = asking;
  if (asked?.kind === "upload") {
    put(asked.volume ? "volume" : "image", asked.id);
    put("name", asked.name);
  }
  if (asked?.kind === "record") put("record", asked.id);
  if (asked?.kind === "records") put("records", join(asked.ids));
  if (asked?.kind === "study") put("study", asked.id);
  if (asked?.kind === "uploads") {
    put("series", join(asked.ids));
    put("name", asked.name);
  }
  put("text", asking.text);
  put("report", asking.report);
  if (asking.weight !== EMPTY.weight) put("weight", String(asking.weight));
  if (asking.roi) put("box", asking.roi.box.map((edge) => edge.toFixed(4)).join(","));
  if (asking.roi?.slice != null) put("slice", String(asking.roi.slice));
  if (asking.roi?.slices) put("slices", asking.roi.slices.join("-"));
  put("more", join(asking.positive));
  put("less", join(asking.negative));
  for (const filter of asking.filters) put("filter", filterText(filter));
  put("where", asking.own);
  if (asking.space !== EMPTY.space) put("space", asking.space);
  if (asking.k !== EMPTY.k) put("k", String(asking.k));
  if (asking.per !== EMPTY.per) put("per", asking.per);
  if (asking.ownPatient !== EMPTY.ownPatient) put("own-patient", asking.ownPatient);
  put("before", asking.before);
  put("compare", compare ?? "");
  const query = found.toString();
  return `#/${view}${query ? `?${query}` : ""}`;
}

/** An address that was typed, mangled or made by another version never breaks the page: what is odd is left out. */
export function routeOf(address: string): Route {
  const [path = "", query = ""] = address.replace(/^#\/?/, "").split("?", 2);
  const view = isView(path) ? path : "search";
  try {
    const found = new URLSearchParams(query);
    return { view, asking: askingOf(found), compare: found.get("compare") };
  } catch {
    return { view, asking: EMPTY, compare: null };
  }
}

function askingOf(found: URLSearchParams): Asking {
  const k = Number(found.get("k") ?? EMPTY.k);
  const weight = Number(found.get("weight") ?? EMPTY.weight);
  const box = boxOf(found.get("box"));
  const slice = found.get("slice");
  return {
    asked: askedOf(found),
    text: found.get("text") ?? "",
    report: found.get("report") ?? "",
    weight: weight > 0 && weight <= 1000 ? weight : EMPTY.weight,
    roi: box && { box, slice: slice !== null && Number.isInteger(Number(slice)) ? Number(slice) : null, ...slicesOf(found) },
    positive: split(found.get("more")),
    negative: split(found.get("less")),
    filters: found
      .getAll("filter")
      .map(filterOf)
      .filter((one): one is Filter => one !== null),
    own: found.get("where") ?? "",
    space: found.get("space") ?? EMPTY.space,
    k: Number.isInteger(k) && k > 0 && k <= 1000 ? k : EMPTY.k,
    // Links of before there were studies say that all records of a patient may answer.
    per: oneOf(PER, found.get("per"), found.get("patients") === "all" ? "record" : EMPTY.per),
    ownPatient: oneOf(OWN_PATIENT, found.get("own-patient"), EMPTY.ownPatient),
    before: found.get("before") ?? "",
  };
}

const oneOf = <T extends string>(words: readonly T[], word: string | null, otherwise: T): T =>
  words.find((one) => one === word) ?? otherwise;

function askedOf(found: URLSearchParams): Asked | null {
  const [image, volume] = [found.get("image"), found.get("volume")];
  const id = image ?? volume;
  if (id) return { kind: "upload", id, name: found.get("name") ?? "", volume: volume !== null };
  if (found.get("record")) return { kind: "record", id: found.get("record")! };
  if (found.get("study")) return { kind: "study", id: found.get("study")! };
  const series = split(found.get("series"));
  if (series.length) return { kind: "uploads", ids: series, name: found.get("name") ?? "" };
  const ids = split(found.get("records"));
  return ids.length ? { kind: "records", ids } : null;
}

function slicesOf(found: URLSearchParams): { slices?: readonly [number, number] } {
  const ends = /^(\d{1,6})-(\d{1,6})$/.exec(found.get("slices") ?? "");
  return ends && Number(ends[1]) <= Number(ends[2]) ? { slices: [Number(ends[1]), Number(ends[2])] } : {};
}

function boxOf(text: string | null): Box | null {
  const edges = text?.split(",").map(Number) ?? [];
  const sound = edges.length === 4 && edges.every((edge) => edge >= 0 && edge <= 1);
  return sound && edges[2]! > edges[0]! && edges[3]! > edges[1]! ? (edges as unknown as Box) : null;
}
