/** Names of new spaces. Pure. */

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

export const isSpaceName = (name: string): boolean => NAME.test(name) && name !== "base";

/** findings, findings-2, findings-3 ...: the first that no space has. */
export function freeName(taken: readonly string[], stem = "findings"): string {
  if (!taken.includes(stem)) return stem;
  let number = 2;
  while (taken.includes(`${stem}-${number}`)) number += 1;
  return `${stem}-${number}`;
}
