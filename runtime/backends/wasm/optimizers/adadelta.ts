import { float, type UpdateRule } from "./update_rule.ts";

const { fround, sqrt } = Math;

/** Adadelta (Zeiler 2012), with tfjs's order: the gradient's old average is what is divided by. */
export const adadelta: UpdateRule = {
  slots: () => ["accumulatedGrads", "accumulatedUpdates"],
  step(optimizer) {
    const { rho } = optimizer as { rho: number };
    const keep = float(rho);
    const add = float(1 - rho);
    const epsilon = float(optimizer["epsilon"]);
    const minusLr = -float(optimizer["learningRate"]);
    return (value, gradient, grads, updates) => {
      for (let at = 0; at < value.length; at++) {
        const g = gradient[at]!;
        const typicalUpdate = fround(sqrt(fround(updates![at]! + epsilon)));
        const typicalGradient = fround(sqrt(fround(grads![at]! + epsilon)));
        const update = fround(fround(typicalUpdate / typicalGradient) * g);
        grads![at] = fround(grads![at]! * keep) + fround(fround(g * g) * add);
        updates![at] = fround(updates![at]! * keep) + fround(fround(update * update) * add);
        value[at] = fround(update * minusLr) + value[at]!;
      }
    };
  },
};
