import * as tf from "@tensorflow/tfjs";

/** Sums along the axes along which a tensor of the given shape was repeated to this one's. */
export function sumTo(values: tf.Tensor, shape: number[]): tf.Tensor {
  const missing = values.rank - shape.length;
  const axes = values.shape.flatMap((size, axis) =>
    axis < missing || (shape[axis - missing] === 1 && size !== 1) ? [axis] : []
  );
  return axes.length === 0 ? values : tf.reshape(tf.sum(values, axes), shape);
}
