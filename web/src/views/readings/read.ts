/** What a reader has said, and where readers differ. Pure. */
import type { ReadRecord } from "../../types";

/** Names between commas, each once. */
export const namesIn = (text: string): string[] => [
  ...new Set(
    text
      .split(",")
      .map((one) => one.trim())
      .filter(Boolean),
  ),
];

/** A label more, or less where it was there. */
export const flipped = (labels: readonly string[], label: string): string[] =>
  labels.includes(label) ? labels.filter((one) => one !== label) : [...labels, label];

/** Where to go on: the first from a place on that is not read yet, then from the beginning; the place where all are. */
export function nextUnread(asked: readonly string[], read: ReadonlySet<string>, from: number): number {
  const open = (at: number): boolean => !read.has(asked[at] ?? "");
  for (let step = 0; step < asked.length; step += 1) {
    const at = (from + step) % asked.length;
    if (open(at)) return at;
  }
  return Math.min(from, Math.max(0, asked.length - 1));
}

/** The records of which two readers say otherwise: of one label whether it is borne, of "" all labels together. */
export function differing(
  records: readonly ReadRecord[],
  [first, second]: readonly [string, string],
  label: string,
): ReadRecord[] {
  const told = (record: ReadRecord, reader: string): string | null => {
    const said = record.readings.find((one) => one.reader === reader);
    if (!said) return null;
    return label ? String(said.labels.includes(label)) : [...said.labels].sort().join("\n");
  };
  return records.filter((record) => {
    const [one, other] = [told(record, first), told(record, second)];
    return one !== null && other !== null && one !== other;
  });
}

/** On which two readers or more have said something, do not agree, and nobody has decided. */
export const undecided = (records: readonly ReadRecord[]): ReadRecord[] =>
  records.filter(({ agree, decided }) => agree === false && decided === null);

/** What adjudication begins with: the labels that more than half of the readers gave. */
export function majority({ readings }: ReadRecord): string[] {
  const every = new Set(readings.flatMap(({ labels }) => labels));
  const votes = (label: string): number => readings.filter(({ labels }) => labels.includes(label)).length;
  return [...every].filter((label) => votes(label) * 2 > readings.length).sort();
}
