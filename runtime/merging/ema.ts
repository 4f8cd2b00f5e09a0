import type { HostTensor } from "../checkpoints/host_tensor.ts";
import type { ModelWeights } from "./parents.ts";
import { weighted } from "./weighted.ts";

/**
 * Exponential moving average along the parents, the oldest first: m_1 = w_1,
 * m_i = d m_(i-1) + (1 - d) w_i; the result is m_n. In closed form the weight of w_1 is d^(n-1),
 * that of w_i is (1 - d) d^(n-i), and they sum to 1.
 *
 * Polyak and Juditsky, Acceleration of stochastic approximation by averaging (1992), with the
 * exponential weights of Tarvainen and Valpola, Mean teachers are better role models (2017).
 *
 * @param parents Weights of the same architecture, in the order in which they came to be.
 * @param decay d, in [0, 1].
 */
export function ema(parents: readonly ModelWeights[], decay: number): Map<string, HostTensor> {
  const last = parents.length - 1;
  const shares = parents.map((_, at) => (at === 0 ? 1 : 1 - decay) * decay ** (last - at));
  return weighted(parents, shares);
}
