import type { HostTensor } from "../checkpoints/host_tensor.ts";
import { floatsOf, mapTensors } from "./map_tensors.ts";
import type { ModelWeights } from "./parents.ts";
import { cosine } from "./vector_angle.ts";

/**
 * Model Stock: w = r m + (1 - r) b, tensor by tensor, where m is the parents' mean,
 * r = n c / (1 + (n - 1) c), n the count of parents and c the cosine between their task vectors
 * w_i - b. In float64.
 *
 * Jang et al., Model Stock: All we need is just a few fine-tuned models (2024), equations 2 and 6.
 * Of more than two parents c is the mean over pairs; it is taken for 0 where it is negative, which
 * the paper does not meet, and where a parent has not moved.
 *
 * @param parents Weights w_i of the same architecture.
 * @param ancestor b: what every parent began from.
 */
export function modelStock(
  parents: readonly ModelWeights[],
  ancestor: ModelWeights,
): Map<string, HostTensor> {
  return mapTensors(parents, (tensors, key) => {
    const base = floatsOf(ancestor, key);
    const c = Math.max(0, meanCosine(tensors, base));
    const ratio = tensors.length * c / (1 + (tensors.length - 1) * c);
    return base.map((origin, at) => {
      let sum = 0;
      for (const values of tensors) sum += values[at]!;
      return ratio * (sum / tensors.length) + (1 - ratio) * origin;
    });
  });
}

function meanCosine(tensors: readonly Float32Array[], base: Float32Array): number {
  let sum = 0;
  let pairs = 0;
  tensors.forEach((one, first) => {
    for (const other of tensors.slice(first + 1)) {
      sum += cosine(one, other, base) ?? 0;
      pairs++;
    }
  });
  return sum / pairs;
}
