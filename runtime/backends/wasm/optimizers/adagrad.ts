import * as tf from "@tensorflow/tfjs";
import { float, type UpdateRule } from "./update_rule.ts";

const { fround, sqrt } = Math;

/** Adagrad (Duchi et al. 2011, diagonal), epsilon inside of the root. */
export const adagrad: UpdateRule = {
  slots: () => ["accumulatedGrads"],
  step(optimizer) {
    const epsilon = float(tf.backend().epsilon());
    const minusLr = -float(optimizer["learningRate"]);
    return (value, gradient, accumulated) => {
      for (let at = 0; at < value.length; at++) {
        const g = gradient[at]!;
        const sum = fround(accumulated![at]! + fround(g * g));
        accumulated![at] = sum;
        const move = fround(g / fround(sqrt(fround(sum + epsilon))));
        value[at] = fround(move * minusLr) + value[at]!;
      }
    };
  },
};
