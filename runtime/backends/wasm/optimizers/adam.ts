import { float, scalar, type UpdateRule } from "./update_rule.ts";

const { fround, sqrt } = Math;

/** Adam (Kingma & Ba 2015, algorithm 1), epsilon outside of the root. */
export const adam: UpdateRule = {
  slots: () => ["accumulatedFirstMoment", "accumulatedSecondMoment"],
  step(optimizer) {
    const { beta1, beta2 } = optimizer as { beta1: number; beta2: number };
    const keepFirst = float(beta1);
    const keepSecond = float(beta2);
    const addFirst = float(1 - beta1);
    const addSecond = float(1 - beta2);
    const correctFirst = float(1 - scalar(optimizer, "accBeta1"));
    const correctSecond = float(1 - scalar(optimizer, "accBeta2"));
    const epsilon = float(optimizer["epsilon"]);
    const minusLr = -float(optimizer["learningRate"]);
    return (value, gradient, first, second) => {
      for (let at = 0; at < value.length; at++) {
        const g = gradient[at]!;
        const m = fround(fround(first![at]! * keepFirst) + fround(g * addFirst));
        const v = fround(fround(second![at]! * keepSecond) + fround(fround(g * g) * addSecond));
        first![at] = m;
        second![at] = v;
        const root = fround(fround(sqrt(fround(v / correctSecond))) + epsilon);
        const move = fround(fround(m / correctFirst) / root);
        value[at] = fround(move * minusLr) + value[at]!;
      }
    };
  },
  advance: (optimizer) => ({
    accBeta1: scalar(optimizer, "accBeta1") * float(optimizer["beta1"]),
    accBeta2: scalar(optimizer, "accBeta2") * float(optimizer["beta2"]),
  }),
};
