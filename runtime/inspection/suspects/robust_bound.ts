/** Makes the median absolute deviation of a normal distribution its standard deviation. */
const NORMAL = 1.4826;
/** Robust deviations from the median past which a value is far out. */
const FAR_OUT = 3.5;

/** Where the bulk of some values lies. */
export interface RobustBound {
  median: number;
  /** Robust standard deviation: 1.4826 times the median absolute deviation. */
  spread: number;
  low: number;
  high: number;
}

/**
 * The bounds of the bulk: 3.5 robust deviations to either side of the median. B. Iglewicz and
 * D. Hoaglin, "How to Detect and Handle Outliers" (1993), where it is a modified z-score of 3.5.
 *
 * @param values What is not finite is passed over.
 * @returns Null where nothing is finite.
 */
export function robustBound(values: Float32Array): RobustBound | null {
  const finite = values.filter(Number.isFinite).sort();
  if (finite.length === 0) return null;
  const median = middle(finite);
  const spread = NORMAL * middle(finite.map((value) => Math.abs(value - median)).sort());
  return { median, spread, low: median - FAR_OUT * spread, high: median + FAR_OUT * spread };
}

function middle(sorted: Float32Array): number {
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
