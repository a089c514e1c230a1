/** How far a vote of few neighbours can be trusted. Pure. */

const NORMAL_95 = 1.96;

/** Kish (1965): how many equal votes weigh as much as these. */
export function effectiveVotes(weights: readonly number[]): number {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const squares = weights.reduce((total, weight) => total + weight * weight, 0);
  return squares > 0 ? (sum * sum) / squares : 0;
}

/** Wilson (1927): the 95 % range of a share that so many votes give; null where nobody voted. */
export function wilson(share: number, votes: number): [low: number, high: number] | null {
  if (votes <= 0) return null;
  const z2 = NORMAL_95 ** 2;
  const middle = (share + z2 / (2 * votes)) / (1 + z2 / votes);
  const half = (NORMAL_95 / (1 + z2 / votes)) * Math.sqrt((share * (1 - share)) / votes + z2 / (4 * votes * votes));
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}
