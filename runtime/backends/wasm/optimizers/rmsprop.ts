import { float, type UpdateRule } from "./update_rule.ts";

const { fround, sqrt } = Math;

/** RMSProp (Tieleman & Hinton 2012) with momentum, plain or centered (Graves 2013, 4.2). */
export const rmsprop: UpdateRule = {
  slots: ({ centered }) => [
    "accumulatedMeanSquares",
    "accumulatedMoments",
    ...centered === true ? ["accumulatedMeanGrads"] : [],
  ],
  step(optimizer) {
    const { decay, centered } = optimizer as { decay: number; centered: boolean };
    const keep = float(decay);
    const add = float(1 - decay);
    const momentum = float(optimizer["momentum"]);
    const epsilon = float(optimizer["epsilon"]);
    const lr = float(optimizer["learningRate"]);
    return (value, gradient, squares, moments, grads) => {
      for (let at = 0; at < value.length; at++) {
        const g = gradient[at]!;
        const square = fround(fround(squares![at]! * keep) + fround(fround(g * g) * add));
        squares![at] = square;
        let variance = fround(square + epsilon);
        if (centered) {
          const mean = fround(fround(grads![at]! * keep) + fround(g * add));
          grads![at] = mean;
          variance = fround(square - fround(fround(mean * mean) + epsilon));
        }
        const move = fround(fround(g * lr) / fround(sqrt(variance)));
        const moment = fround(fround(moments![at]! * momentum) + move);
        moments![at] = moment;
        value[at] = value[at]! - moment;
      }
    };
  },
};
