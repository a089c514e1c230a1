/** What is asked on the page -> the bodies of the search, classify and explain routes. */
import { EMPTY, isStudy, type Asking } from "./route";
import type { Bodies, Query, SearchBody } from "./types";
import { whereOf } from "./where";

type ClassifyBody = Bodies["Classify"];

/** The query alone, without more and less. null where nothing is asked, or only by examples. */
export function queryOf({ asked, text, report, roi }: Asking): Query | null {
  if (asked?.kind === "study") return { study: asked.id };
  if (asked?.kind === "uploads") return { study_uploads: asked.ids };
  if (asked && roi && asked.kind !== "records") {
    const source = asked.kind === "upload" ? { image: asked.id } : { record: asked.id };
    const where = roi.slices ? { slices: [...roi.slices] as [number, number] } : { slice: roi.slice };
    return { roi: { ...source, ...where, box: [...roi.box] } };
  }
  const words = { ...(text && { text }), ...(report && { report }) };
  if (asked?.kind === "upload") {
    return asked.volume ? { volume: asked.id, ...(report && { report }) } : { image: asked.id, ...words };
  }
  if (asked) return { ids: asked.kind === "record" ? [asked.id] : asked.ids, ...words };
  return text || report ? words : null;
}

/** The query as one picture, which is what classifying and explaining ask with; null where it is none. */
export function pictureOf(asking: Asking): Query | null {
  const { asked, positive } = asking;
  if (isStudy(asked)) return null;
  const query = asked ? queryOf({ ...asking, text: "", report: "" }) : null;
  const ids = query?.ids ?? (query ? null : asking.text || asking.report ? [] : positive);
  return ids ? (ids.length === 1 ? { ids } : null) : query;
}

/** The vote is asked as the search is: in the same space, among the same records, of the same region. */
export function voteOf(asking: Asking, k: number): ClassifyBody | null {
  const query = pictureOf(asking);
  if (!query) return null;
  const space = query.roi ? EMPTY.space : asking.space;
  return { query, method: "knn", k, space, where: whereOf(asking.filters, asking.own) };
}

/** Whether more and less of a hit move the query: they move pictures and texts, neither studies nor words for reports. */
export const canSteer = ({ asked, text, report }: Asking): boolean => !isStudy(asked) && !(report && !asked && !text);

/** Examples alone ask as well: the first of them is then the query. */
export function bodyOf(asking: Asking): SearchBody | null {
  const query = queryOf(asking);
  const [first, ...rest] = asking.positive;
  if (!query && first === undefined) return null;
  // Patches are the encoder's own: a region is searched in the base space, by itself.
  const region = query?.roi !== undefined;
  const unmoved = region || !canSteer(asking);
  return {
    query: query ?? { ids: [first!] },
    positive: unmoved ? [] : query ? asking.positive : rest,
    negative: unmoved ? [] : asking.negative,
    where: whereOf(asking.filters, asking.own),
    space: region ? EMPTY.space : asking.space,
    group_by: asking.per === "record" || region ? null : asking.per,
    ...inTime(asking),
    ...(query?.report && { report_weight: asking.weight }),
    k: asking.k,
    explain: true,
  };
}

/** What the query's own patient may answer with. */
function inTime({ ownPatient, before }: Asking): Partial<SearchBody> {
  if (ownPatient === "earlier") return { only_priors: true, ...(before && { before }) };
  if (ownPatient === "nothing") return {};
  return { same_patient: true, ...(ownPatient === "not earlier" && { exclude_priors: true }) };
}

/** A hit as one more, or one less, like it; a second press takes it back. */
export function steered(asking: Asking, id: string, way: "more" | "less"): Asking {
  const without = (ids: readonly string[]): string[] => ids.filter((one) => one !== id);
  const had = (way === "more" ? asking.positive : asking.negative).includes(id);
  const positive = without(asking.positive);
  const negative = without(asking.negative);
  if (!had) (way === "more" ? positive : negative).push(id);
  return { ...asking, positive, negative };
}
