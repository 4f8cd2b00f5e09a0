import { scalar, type UpdateRule } from "./update_rule.ts";

const { fround } = Math;

/**
 * Momentum (Polyak 1964): `a = m a + g`, `w -= lr a`; with Nesterov's look ahead
 * `w -= lr (g + m a)` (Sutskever et al. 2013).
 */
export const momentum: UpdateRule = {
  slots: () => ["accumulations"],
  step(optimizer) {
    const minusLr = scalar(optimizer, "c");
    const keep = scalar(optimizer, "m");
    const nesterov = optimizer["useNesterov"] === true;
    return (value, gradient, accumulation) => {
      for (let at = 0; at < value.length; at++) {
        const g = gradient[at]!;
        const a = fround(fround(keep * accumulation![at]!) + g);
        accumulation![at] = a;
        const along = nesterov ? fround(g + fround(a * keep)) : a;
        value[at] = fround(minusLr * along) + value[at]!;
      }
    };
  },
};
