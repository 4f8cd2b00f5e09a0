/** Moments of some values, in double precision. */
export interface Moments {
  mean: number;
  std: number;
  /** Third and fourth standardized moments; 0 and 3 for a normal distribution, 0 where std is 0. */
  skewness: number;
  kurtosis: number;
  min: number;
  max: number;
  /** Root of the mean square. */
  rms: number;
  /** Values that are NaN or infinite; everything else is of those that are finite. */
  nonFinite: number;
}

/** Moments of the finite values, in two passes; NaN where there is none. */
export function momentsOf(values: ArrayLike<number>): Moments {
  let count = 0, sum = 0, squares = 0, min = Infinity, max = -Infinity;
  for (let at = 0; at < values.length; at++) {
    const value = values[at]!;
    if (!Number.isFinite(value)) continue;
    count++;
    sum += value;
    squares += value * value;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const mean = sum / count;
  let second = 0, third = 0, fourth = 0;
  for (let at = 0; at < values.length; at++) {
    const value = values[at]!;
    if (!Number.isFinite(value)) continue;
    const distance = value - mean;
    const square = distance * distance;
    second += square;
    third += square * distance;
    fourth += square * square;
  }
  const variance = second / count;
  const spread = variance > 0;
  return {
    mean,
    std: Math.sqrt(variance),
    skewness: spread ? third / count / variance ** 1.5 : 0,
    kurtosis: spread ? fourth / count / variance ** 2 : 0,
    min,
    max,
    rms: Math.sqrt(squares / count),
    nonFinite: values.length - count,
  };
}

/** How many finite values fall into each of `bins` equal parts of [min, max]. */
export function histogramOf(
  values: ArrayLike<number>,
  { min, max }: Pick<Moments, "min" | "max">,
  bins: number,
): number[] {
  const counts = new Array<number>(bins).fill(0);
  const scale = max > min ? bins / (max - min) : 0;
  for (let at = 0; at < values.length; at++) {
    const value = values[at]!;
    if (!Number.isFinite(value)) continue;
    counts[Math.min(bins - 1, Math.floor((value - min) * scale))]!++;
  }
  return counts;
}
