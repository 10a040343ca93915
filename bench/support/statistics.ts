/** The middle value; the mean of the two middle ones if there is none. NaN for an empty list. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/**
 * The median of `mine[i] / theirs[i]`. Slices of one round stand side by side in time, so that what disturbs the machine
 * for a while disturbs both: steadier than the ratio of two medians.
 */
export function pairedRatio(mine: readonly number[], theirs: readonly number[]): number {
  return median(mine.map((value, round) => value / (theirs[round] ?? NaN)));
}
