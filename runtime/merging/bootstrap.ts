import type { RandomStream } from "../determinism/rng.ts";

/** A mean and the interval that it lies in. */
export interface Interval {
  mean: number;
  low: number;
  high: number;
}

const RESAMPLES = 1_000;
const CONFIDENCE = 0.95;

/**
 * Means of paired differences with their 95% percentile intervals: the same resamples of the
 * samples for every column, so that columns can be compared.
 *
 * Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
 *
 * @param columns Differences, one a sample and equally many in each; at least one sample.
 * @returns One interval a column; null where a difference is not finite.
 */
export function bootstrapMeans(
  columns: readonly Float64Array[],
  random: RandomStream,
): (Interval | null)[] {
  const samples = columns[0]?.length ?? 0;
  const means = columns.map(() => new Float64Array(RESAMPLES));
  const drawn = new Int32Array(samples);
  for (let resample = 0; resample < RESAMPLES; resample++) {
    for (let at = 0; at < samples; at++) drawn[at] = random.nextInt(samples);
    columns.forEach((column, which) => {
      let sum = 0;
      for (let at = 0; at < samples; at++) sum += column[drawn[at]!]!;
      means[which]![resample] = sum / samples;
    });
  }
  return columns.map((column, which) => {
    if (!column.every(Number.isFinite)) return null;
    const sorted = means[which]!.sort();
    const tail = (1 - CONFIDENCE) / 2;
    return {
      mean: column.reduce((sum, value) => sum + value, 0) / samples,
      low: quantile(sorted, tail),
      high: quantile(sorted, 1 - tail),
    };
  });
}

/** Linear between the order statistics, as NumPy's default. */
function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below]! + (place - below) * (sorted[above]! - sorted[below]!);
}
