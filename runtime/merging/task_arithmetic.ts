import type { HostTensor } from "../checkpoints/host_tensor.ts";
import { floatsOf, mapTensors } from "./map_tensors.ts";
import type { ModelWeights } from "./parents.ts";

/**
 * Task arithmetic: w = b + s * sum over i of (w_i - b), in float64.
 *
 * Ilharco et al., Editing Models with Task Arithmetic (2023), section 2. That paper tunes s on
 * held-out data and names 0.3 to 0.5 as a range that does well untuned.
 *
 * @param parents Weights w_i of the same architecture.
 * @param ancestor b: what every parent began from.
 * @param scale s.
 */
export function taskArithmetic(
  parents: readonly ModelWeights[],
  ancestor: ModelWeights,
  scale: number,
): Map<string, HostTensor> {
  return mapTensors(parents, (tensors, key) => {
    const base = floatsOf(ancestor, key);
    return base.map((origin, at) => {
      let learned = 0;
      for (const values of tensors) learned += values[at]! - origin;
      return origin + scale * learned;
    });
  });
}
