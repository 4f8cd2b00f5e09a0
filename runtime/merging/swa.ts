import type { HostTensor } from "../checkpoints/host_tensor.ts";
import type { ModelWeights } from "./parents.ts";
import { weighted } from "./weighted.ts";

/**
 * Uniform mean of n parents: w = (w_1 + ... + w_n) / n.
 *
 * The average of Izmailov et al., Averaging Weights Leads to Wider Optima and Better
 * Generalization (2018), section 3, taken over models in place of a trajectory; the same as the
 * uniform soup of Wortsman et al. (2022).
 *
 * @param parents Weights of the same architecture. Integer and bool tensors are the first's.
 */
export function swa(parents: readonly ModelWeights[]): Map<string, HostTensor> {
  return weighted(parents, parents.map(() => 1));
}
