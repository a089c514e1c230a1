/** Names of new spaces, and what a space is for. Pure. */
import { messages } from "../../messages";
import type { Space } from "../../types";

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

export const isSpaceName = (name: string): boolean => NAME.test(name) && name !== "base";

/** findings, findings-2, findings-3 ...: the first that no space has. */
export function freeName(taken: readonly string[], stem = "findings"): string {
  if (!taken.includes(stem)) return stem;
  let number = 2;
  while (taken.includes(`${stem}-${number}`)) number += 1;
  return `${stem}-${number}`;
}

/** A field's or an encoder's name as one that a space may bear. */
export const stemOf = (name: string): string =>
  name.replace(/[^A-Za-z0-9_-]+/g, "-").replace(/^[-_]+|-+$/g, "").slice(0, 50) || "findings";

/** "view (ViewPosition: PA, AP)": a space with what it was trained on. */
export function spaceTitle({ name, kind, answers, field, labels, accepted, note }: Space): string {
  const words = messages.value.adapt;
  if (kind === "base") return words.base(name);
  if (!answers) return words.otherEncoder(name);
  if (note) return `${name} (${note})`;
  const what = [field, labels.join(", ")].filter(Boolean).join(": ");
  return `${name} (${what})${accepted ? "" : words.unsure}`;
}
