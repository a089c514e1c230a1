import type { Merged } from "../../types";

/** How many records were left out for which reason, the most frequent first. */
export function reasonsOf(leftOut: Merged["left_out"]): string {
  const counts = new Map<string, number>();
  for (const { reason } of leftOut) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts]
    .sort((one, other) => other[1] - one[1])
    .map(([reason, count]) => `${count} ${reason}`)
    .join(", ");
}
