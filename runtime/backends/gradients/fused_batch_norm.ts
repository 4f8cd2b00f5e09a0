import * as tf from "@tensorflow/tfjs";

/**
 * The gradient of FusedBatchNorm, `(x - mean) / sqrt(variance + epsilon) * scale + offset`. The one
 * of TensorFlow.js fails where statistics are not those of the last axis.
 *
 * x has any shape; mean, variance, scale and offset a shape that broadcasts to it. scale and offset
 * may be absent.
 */
export const fusedBatchNorm: Omit<tf.GradConfig, "kernelName"> = {
  inputsToSave: ["x", "mean", "variance", "scale"],
  gradFunc: (gradient, saved, attrs) => {
    const dy = gradient as tf.Tensor;
    const [x, mean, variance] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
    const scale = saved[3] as tf.Tensor | undefined;
    const { varianceEpsilon } = attrs as unknown as { varianceEpsilon: number };
    const axes = broadcastAxes(mean.shape, x.shape);
    const total = (values: tf.Tensor) =>
      axes.length === 0 ? values : tf.reshape(tf.sum(values, axes), mean.shape);
    const perDeviation = tf.rsqrt(tf.add(variance, varianceEpsilon));
    const factor = scale == null ? perDeviation : tf.mul(perDeviation, scale);
    const deviation = tf.sub(x, mean);
    const dyDeviation = () => total(tf.mul(dy, deviation));
    return {
      x: () => tf.mul(dy, factor),
      mean: () => tf.neg(tf.mul(total(dy), factor)),
      variance: () => tf.mul(dyDeviation(), tf.mul(factor, tf.mul(tf.square(perDeviation), -0.5))),
      scale: () => tf.mul(dyDeviation(), perDeviation),
      offset: () => total(dy),
    };
  },
};

/** The axes of the larger shape along which the smaller one is repeated. */
function broadcastAxes(small: number[], large: number[]): number[] {
  const missing = large.length - small.length;
  return large.flatMap((size, axis) =>
    axis < missing || (small[axis - missing] === 1 && size !== 1) ? [axis] : []
  );
}
