/** Whether the best hit is as near as records of this gallery usually are to each other. Pure. */
import { isStudy, type Asking } from "../../route";

const FAR = 25; // percent of the gallery's own records

export interface Nearness {
  answer: string;
  why: string;
}

/** nearness: percent of the gallery's records that are less like their own nearest one; null where nobody can say. */
export function nearnessOf(nearness: number | null | undefined, abstained: boolean, filteredAway: boolean): Nearness | null {
  if (nearness === null || nearness === undefined) return null;
  const share = nearness > 0 && nearness < 1 ? "less than 1" : nearness.toFixed(0);
  const why =
    nearness === 0
      ? "Every record of this gallery has a nearer one of another patient."
      : `The best hit is nearer than ${share} % of this gallery's records are to their own nearest one of another patient.`;
  if (abstained) return { answer: "No.", why };
  if (filteredAway) return { answer: "Not what the filters leave.", why };
  return { answer: nearness < FAR ? "Less than is usual here." : "As near as is usual here.", why };
}

/** Where the gallery's own pairs are no measure of the score. */
export function unknownNearness({ asked, text, report, roi }: Pick<Asking, "asked" | "text" | "report" | "roi">): Nearness {
  const what = isStudy(asked)
    ? "Whole studies are"
    : roi
      ? "A region is"
      : text || report
        ? "Words are"
        : "A query like this is";
  return { answer: "Not known.", why: `${what} scored in another way than records are with each other. Look at the pictures.` };
}
