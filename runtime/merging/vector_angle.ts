/**
 * Cosine of the angle between two vectors, in float64; null where one of them is 0.
 *
 * @param origin Where both begin; 0 when absent.
 */
export function cosine(
  one: Float32Array,
  other: Float32Array,
  origin?: Float32Array,
): number | null {
  let dot = 0;
  let norm = 0;
  let otherNorm = 0;
  for (let at = 0; at < one.length; at++) {
    const from = origin?.[at] ?? 0;
    const [a, b] = [one[at]! - from, other[at]! - from];
    dot += a * b;
    norm += a * a;
    otherNorm += b * b;
  }
  if (norm === 0 || otherNorm === 0) return null;
  return Math.max(-1, Math.min(1, dot / Math.sqrt(norm) / Math.sqrt(otherNorm)));
}
