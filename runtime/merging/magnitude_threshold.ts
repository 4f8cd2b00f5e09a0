const BINS = 2 ** 16;
/** All bits but the sign. */
const MAGNITUDE = 0x7fffffff;

/**
 * The k-th largest magnitude among many float32 values, exactly, in two passes over them and no
 * memory of them: the bits of a magnitude sort as the magnitude does, so its upper half picks a
 * bin and its lower half the value in it.
 *
 * @param parts Gives the values, all of them each time it is called, in any order. All finite.
 * @param k From 1 to the count of values.
 */
export function magnitudeThreshold(parts: () => Iterable<Float32Array>, k: number): number {
  const upper = new Float64Array(BINS);
  for (const part of parts()) {
    const bits = bitsOf(part);
    for (let at = 0; at < bits.length; at++) upper[(bits[at]! & MAGNITUDE) >>> 16]!++;
  }
  const [high, left] = fromTheTop(upper, k);
  const lower = new Float64Array(BINS);
  for (const part of parts()) {
    const bits = bitsOf(part);
    for (let at = 0; at < bits.length; at++) {
      if ((bits[at]! & MAGNITUDE) >>> 16 === high) lower[bits[at]! & 0xffff]!++;
    }
  }
  const [low] = fromTheTop(lower, left);
  return new Float32Array(new Uint32Array([(high << 16) | low]).buffer)[0]!;
}

function bitsOf({ buffer, byteOffset, length }: Float32Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, length);
}

/** The bin that holds the k-th from the top, and which of the bin's own it is. */
function fromTheTop(counts: Float64Array, k: number): [bin: number, left: number] {
  let left = k;
  for (let bin = BINS - 1; bin >= 0; bin--) {
    if (counts[bin]! >= left) return [bin, left];
    left -= counts[bin]!;
  }
  throw new RangeError(`there are fewer than ${k} values`);
}
