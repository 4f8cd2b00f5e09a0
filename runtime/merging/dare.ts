import type { HostTensor } from "../checkpoints/host_tensor.ts";
import { keyedStream } from "../determinism/rng.ts";
import { floatsOf, mapTensors } from "./map_tensors.ts";
import type { ModelWeights } from "./parents.ts";

/**
 * DARE: each entry of each task vector t_i = w_i - b is dropped with probability p, the rest is
 * divided by 1 - p; w = b + s * sum over i of what is left of t_i. In float64.
 *
 * Yu et al., Language Models are Super Mario: Absorbing Abilities from Homologous Models as a Free
 * Lunch (2024), section 3.2, joined to task arithmetic.
 *
 * @param parents Weights w_i of the same architecture.
 * @param ancestor b: what every parent began from.
 * @param params.drop_rate p, in [0, 1).
 */
export function dare(
  parents: readonly ModelWeights[],
  ancestor: ModelWeights,
  { drop_rate, scale, seed }: { drop_rate: number; scale: number; seed: number },
): Map<string, HostTensor> {
  const places = new Map([...parents[0]!.keys()].map((key, place) => [key, place]));
  return mapTensors(parents, (tensors, key) => {
    const base = floatsOf(ancestor, key);
    const learned = new Float64Array(base.length);
    tensors.forEach((values, parent) => {
      const mask = dareMask(base.length, { drop_rate, seed, parent, tensor: places.get(key)! });
      for (let at = 0; at < learned.length; at++) {
        if (mask[at] === 1) learned[at]! += (values[at]! - base[at]!) / (1 - drop_rate);
      }
    });
    return base.map((origin, at) => origin + scale * learned[at]!);
  });
}

/** Which entries of one tensor of one parent stay: 1 stays, 0 is dropped. */
export function dareMask(
  length: number,
  { drop_rate, seed, parent, tensor }: {
    drop_rate: number;
    seed: number;
    parent: number;
    tensor: number;
  },
): Uint8Array {
  const random = keyedStream(seed, "merge", parent, tensor);
  const mask = new Uint8Array(length);
  for (let at = 0; at < length; at++) mask[at] = random.next() < drop_rate ? 0 : 1;
  return mask;
}
