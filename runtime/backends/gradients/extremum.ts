import * as tf from "@tensorflow/tfjs";
import { sumTo } from "./sum_to.ts";

/**
 * The gradient of Maximum or Minimum: it goes to the operand that was taken, the first of equals. The
 * one of TensorFlow.js fails where an operand was broadcast.
 *
 * @param takesFirst Whether the first operand was taken; bool, of the result's shape.
 */
export function extremum(
  takesFirst: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor,
): Omit<tf.GradConfig, "kernelName"> {
  return {
    inputsToSave: ["a", "b"],
    gradFunc: (gradient, saved) => {
      const dy = gradient as tf.Tensor;
      const [a, b] = saved as [tf.Tensor, tf.Tensor];
      const first = () => takesFirst(a, b);
      return {
        a: () => sumTo(tf.mul(dy, tf.cast(first(), "float32")), a.shape),
        b: () => sumTo(tf.mul(dy, tf.cast(tf.logicalNot(first()), "float32")), b.shape),
      };
    },
  };
}
