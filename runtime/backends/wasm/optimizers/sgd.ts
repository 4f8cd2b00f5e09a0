import { scalar, type UpdateRule } from "./update_rule.ts";

const { fround } = Math;

/** Stochastic gradient descent: `w -= lr g`. */
export const sgd: UpdateRule = {
  slots: () => [],
  step(optimizer) {
    const minusLr = scalar(optimizer, "c");
    return (value, gradient) => {
      for (let at = 0; at < value.length; at++) {
        value[at] = fround(minusLr * gradient[at]!) + value[at]!;
      }
    };
  },
};
