import type { HostTensor } from "../checkpoints/host_tensor.ts";
import type { ModelWeights } from "./parents.ts";

/**
 * Merges models tensor by tensor. Integer and bool tensors, such as counters, are the first
 * parent's.
 *
 * @param merge Given the values of one tensor in each parent, in order; answers new values.
 */
export function mapTensors(
  parents: readonly ModelWeights[],
  merge: (values: readonly Float32Array[], key: string) => Float32Array,
): Map<string, HostTensor> {
  return new Map([...parents[0]!].map(([key, tensor]) => [
    key,
    {
      ...tensor,
      values: tensor.dtype === "float32"
        ? merge(parents.map((parent) => floatsOf(parent, key)), key)
        : tensor.values.slice(),
    },
  ]));
}

/** Values of a float32 tensor that the weights are known to have. */
export function floatsOf(weights: ModelWeights, key: string): Float32Array {
  return weights.get(key)!.values as Float32Array;
}
