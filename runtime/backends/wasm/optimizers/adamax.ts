import { float, scalar, type UpdateRule } from "./update_rule.ts";

const { abs, fround } = Math;

/** AdaMax (Kingma & Ba 2015, algorithm 2), with tfjs's decay of the learning rate by steps. */
export const adamax: UpdateRule = {
  slots: () => ["accumulatedFirstMoment", "accumulatedWeightedInfNorm"],
  step(optimizer) {
    const { beta1 } = optimizer as { beta1: number };
    const keepFirst = float(beta1);
    const addFirst = float(1 - beta1);
    const keepNorm = float(optimizer["beta2"]);
    const epsilon = float(optimizer["epsilon"]);
    const decayed = fround(scalar(optimizer, "iteration") * float(optimizer["decay"]));
    const minusLr = fround(-float(optimizer["learningRate"]) / fround(decayed + 1));
    const corrected = fround(minusLr / fround(1 - scalar(optimizer, "accBeta1")));
    return (value, gradient, first, norm) => {
      for (let at = 0; at < value.length; at++) {
        const g = gradient[at]!;
        const m = fround(fround(first![at]! * keepFirst) + fround(g * addFirst));
        const kept = fround(norm![at]! * keepNorm);
        const size = abs(g);
        // A NaN on either side stays: not so with Math.max's order of zeros, which are equal here.
        const u = kept > size || kept !== kept ? kept : size;
        first![at] = m;
        norm![at] = u;
        value[at] = fround(corrected * fround(m / fround(u + epsilon))) + value[at]!;
      }
    };
  },
  advance: (optimizer) => ({
    iteration: scalar(optimizer, "iteration") + 1,
    accBeta1: scalar(optimizer, "accBeta1") * float(optimizer["beta1"]),
  }),
};
