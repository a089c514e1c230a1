/** Whether the best hit is as near as records of this gallery usually are to each other. Pure. */
import { messages } from "../../messages";
import { isStudy, type Asking } from "../../route";

const FAR = 25; // percent of the gallery's own records

export interface Nearness {
  answer: string;
  why: string;
}

/** nearness: percent of the gallery's records that are less like their own nearest one; null where nobody can say. */
export function nearnessOf(nearness: number | null | undefined, abstained: boolean, filteredAway: boolean): Nearness | null {
  if (nearness === null || nearness === undefined) return null;
  const words = messages.value.search.near;
  const share = nearness > 0 && nearness < 1 ? words.lessThanOne : nearness.toFixed(0);
  const why =
    nearness === 0
      ? words.none
      : words.why(share);
  if (abstained) return { answer: words.no, why };
  if (filteredAway) return { answer: words.filtered, why };
  return { answer: nearness < FAR ? words.far : words.near, why };
}

/** Where the gallery's own pairs are no measure of the score. */
export function unknownNearness({ asked, text, report, roi }: Pick<Asking, "asked" | "text" | "report" | "roi">): Nearness {
  const words = messages.value.search.near;
  const what = isStudy(asked) ? "study" : roi ? "region" : text || report ? "words" : "other";
  return { answer: words.unknown, why: words.scored[what] };
}
