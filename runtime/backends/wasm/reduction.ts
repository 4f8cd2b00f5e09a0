import * as tf from "@tensorflow/tfjs";

/** A tensor seen as [outer, reduced, inner]. */
export interface Reduction {
  readonly outer: number;
  readonly reduced: number;
  readonly inner: number;
  /** The result's shape. */
  readonly shape: number[];
}

/**
 * How a reduction runs through memory; undefined where the axes are not neighbours.
 *
 * @param axis The reduced axes, negative ones from the end; all of them when empty.
 * @param keepDims Whether a reduced axis stays, as 1.
 */
export function reductionOf(
  shape: number[],
  axis: number | number[],
  keepDims: boolean,
): Reduction | undefined {
  const axes = tf.util.parseAxisParam(axis, shape).toSorted((a, b) => a - b);
  const [first = 0] = axes;
  if (axes.some((axis, at) => axis !== first + at)) return undefined;
  const last = first + axes.length;
  return {
    outer: tf.util.sizeFromShape(shape.slice(0, first)),
    reduced: tf.util.sizeFromShape(shape.slice(first, last)),
    inner: tf.util.sizeFromShape(shape.slice(last)),
    shape: shape.flatMap((size, at) => at < first || at >= last ? [size] : keepDims ? [1] : []),
  };
}

/**
 * Sums, times a factor. In double precision and in an order that does not depend on anything but
 * the shape.
 */
export function sumInto(
  { outer, reduced, inner }: Reduction,
  x: ArrayLike<number>,
  output: Float32Array | Int32Array,
  factor: number,
): void {
  if (inner === 1) {
    for (let at = 0, from = 0; at < outer; at++) {
      let sum = 0;
      for (const end = from + reduced; from < end; from++) sum += x[from]!;
      output[at] = sum * factor;
    }
    return;
  }
  const sums = new Float64Array(inner);
  for (let at = 0, from = 0; at < outer; at++) {
    sums.fill(0);
    for (let row = 0; row < reduced; row++, from += inner) {
      for (let column = 0; column < inner; column++) sums[column]! += x[from + column]!;
    }
    for (let column = 0; column < inner; column++) {
      output[at * inner + column] = sums[column]! * factor;
    }
  }
}
