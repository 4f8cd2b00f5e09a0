import * as tf from "@tensorflow/tfjs";
import { sumTo } from "./sum_to.ts";

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
    const total = (values: tf.Tensor) => sumTo(values, mean.shape);
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
