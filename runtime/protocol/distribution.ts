import { z } from "zod";

const figure = z.number().nullable();

/**
 * How the values of a column lie. NaN and infinite ones are counted apart and enter nothing else;
 * without any finite value the figures are null. `quantiles` are by nearest rank; `histogram` has
 * equal bins from `min` to `max`, the last with its upper edge.
 */
export const Distribution = z.strictObject({
  count: z.number().int(),
  nan: z.number().int(),
  infinite: z.number().int(),
  min: figure,
  max: figure,
  mean: figure,
  std: figure,
  quantiles: z.array(z.strictObject({ q: z.number(), value: z.number() })),
  histogram: z.strictObject({ edges: z.array(z.number()), counts: z.array(z.number().int()) }),
});
/** How the values of a column lie. */
export type Distribution = z.infer<typeof Distribution>;

const QUANTILES = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99];
const BINS = 50;

/** Describes values, in any order. */
export function describe(values: Float32Array): Distribution {
  // A typed array sorts by number, in place, NaN last: nothing else is held of a million values.
  const sorted = values.slice().sort();
  let [first, end] = [0, sorted.length];
  while (end > 0 && Number.isNaN(sorted[end - 1])) end--;
  const nan = sorted.length - end;
  while (end > 0 && sorted[end - 1] === Infinity) end--;
  while (first < end && sorted[first] === -Infinity) first++;
  const finite = sorted.subarray(first, end);
  const { length } = finite;
  const counts = { count: values.length, nan, infinite: values.length - nan - length };
  if (length === 0) {
    const none = { min: null, max: null, mean: null, std: null };
    return { ...counts, ...none, quantiles: [], histogram: { edges: [], counts: [] } };
  }
  const mean = finite.reduce((sum, value) => sum + value, 0) / length;
  const variance = finite.reduce((sum, value) => sum + (value - mean) ** 2, 0) / length;
  return {
    ...counts,
    min: finite[0]!,
    max: finite[length - 1]!,
    mean,
    std: Math.sqrt(variance),
    quantiles: QUANTILES.map((q) => ({
      q,
      value: finite[Math.max(0, Math.ceil(q * length) - 1)]!,
    })),
    histogram: histogram(finite),
  };
}

/** @param sorted Finite, ascending, not empty. */
function histogram(sorted: Float32Array): Distribution["histogram"] {
  const [min, max] = [sorted[0]!, sorted[sorted.length - 1]!];
  if (min === max) return { edges: [min, max], counts: [sorted.length] };
  const counts = new Array<number>(BINS).fill(0);
  for (const value of sorted) {
    counts[Math.min(BINS - 1, Math.floor((value - min) / (max - min) * BINS))]!++;
  }
  const edges = Array.from({ length: BINS + 1 }, (_, at) => min + (max - min) * at / BINS);
  return { edges, counts };
}
