/** English: what several views say. */
import { counting } from "../counting";

const counted = counting("en");

export const common = {
  dates: "en-GB",
  decimal: ".",
  cancel: "Cancel",
  close: "Close",
  keep: "Keep",
  noLabel: "no label",
  noPicture: "no picture",
  showMore: "Show more",
  atWork: "at work",
  tileSize: "Size",
  tileAuto: "auto",
  tileAutoTitle: "As large as suits the screen",
  years: (age: number): string => `${age} y`,
  age: { D: "d", W: "w", M: "m", Y: "y" } as Record<string, string>,
  records: (count: number): string => counted(count, "record", "records"),
  moreRecords: (count: number): string => counted(count, "more record", "more records"),
  patients: (count: number): string => counted(count, "patient", "patients"),
  labels: (count: number): string => counted(count, "label", "labels"),
  hits: (count: number): string => counted(count, "hit", "hits"),
  slices: (count: number): string => counted(count, "slice", "slices"),
  files: (count: number): string => counted(count, "file", "files"),
  pictures: (count: number): string => counted(count, "picture", "pictures"),
  sliceOf: (at: number, depth: number): string => `Slice ${at} of ${depth}`,
  andMore: (count: number): string => `and ${count} more`,
  serverGone: "The server does not answer",
  serverGoneKept: "The server does not answer. What you asked is kept.",
  pageFailed: "The page failed",
};
