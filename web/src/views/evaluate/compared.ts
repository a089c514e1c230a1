/** Two reports side by side: only where they are of the same records and the same split. Pure. */
import { messages } from "../../messages";
import type { Report } from "../../types";
import { rowsOf, type Measured } from "./figures";

export interface ComparedRow {
  name: string;
  first: Measured;
  second: Measured | null;
  /** second - first. */
  difference: number | null;
}

/** Why two reports cannot be compared; none where they can. */
export function reasonsAgainst(first: Report, second: Report): string[] {
  const words = messages.value.evaluate;
  return [
    first.data_hash && second.data_hash
      ? first.data_hash !== second.data_hash && words.otherRecords
      : words.noHash,
    first.split_hash !== second.split_hash && words.otherSplit,
    (first.protocol || "") !== (second.protocol || "") && words.otherProtocol,
  ].filter((reason): reason is string => Boolean(reason));
}

/** What differs in how they were made. */
export function changesBetween(first: Report, second: Report): string[] {
  const { changed, none } = messages.value.evaluate;
  const encoder = ({ encoder }: Report): string => String(encoder["name"] ?? "");
  const told = (name: string, one: unknown, other: unknown): string =>
    one === other ? "" : `${name}: ${String(one || none)} → ${String(other || none)}`;
  return [
    told(changed.space, first.space, second.space),
    told(changed.encoder, encoder(first), encoder(second)),
    told(changed.adapter, first.adapter?.["kind"], second.adapter?.["kind"]),
    told(changed.index, first.index, second.index),
    told(changed.version, first.version, second.version),
  ].filter(Boolean);
}

export function comparedRows(first: Report, second: Report, depth: string): ComparedRow[] {
  const others = new Map(rowsOf(second, depth).map((row) => [row.name, row.adapted]));
  return rowsOf(first, depth).map(({ name, adapted }) => {
    const other = others.get(name) ?? null;
    const [one, two] = [adapted.value, other?.value ?? null];
    return { name, first: adapted, second: other, difference: one === null || two === null ? null : two - one };
  });
}
