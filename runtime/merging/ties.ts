import type { HostTensor } from "../checkpoints/host_tensor.ts";
import { magnitudeThreshold } from "./magnitude_threshold.ts";
import { floatsOf, mapTensors } from "./map_tensors.ts";
import type { ModelWeights } from "./parents.ts";

/**
 * TIES: of each task vector t_i = w_i - b (float32) the share `density` of largest magnitude stays,
 * over all its weights together; the sign of a weight is that of the sum of what stayed; the mean m
 * is over those that are not 0 and agree with it; w = b + s m.
 *
 * Yadav et al., TIES-Merging: Resolving Interference When Merging Models (2023), algorithm 1, which
 * takes density 0.2 and s = 1 where nothing can be tuned. Magnitudes equal to the smallest that
 * stays, stay too; where what stayed cancels out, w = b.
 *
 * @param parents Weights w_i of the same architecture.
 * @param ancestor b: what every parent began from.
 */
export function ties(
  parents: readonly ModelWeights[],
  ancestor: ModelWeights,
  { density, scale }: { density: number; scale: number },
): Map<string, HostTensor> {
  const keys = [...ancestor].filter(([, { dtype }]) => dtype === "float32").map(([key]) => key);
  const size = keys.reduce((sum, key) => sum + ancestor.get(key)!.values.length, 0);
  const kept = Math.max(1, Math.floor(density * size));
  const thresholds = parents.map((parent) =>
    magnitudeThreshold(
      () => keys.values().map((key) => difference(floatsOf(parent, key), floatsOf(ancestor, key))),
      kept,
    )
  );
  return mapTensors(parents, (tensors, key) => {
    const base = floatsOf(ancestor, key);
    const trimmed = tensors.map((values, parent) =>
      trim(difference(values, base), thresholds[parent]!)
    );
    const merged = new Float32Array(base.length);
    for (let at = 0; at < merged.length; at++) {
      merged[at] = base[at]! + scale * electedMean(trimmed, at);
    }
    return merged;
  });
}

function difference(values: Float32Array, base: Float32Array): Float32Array {
  const learned = new Float32Array(values.length);
  for (let at = 0; at < learned.length; at++) learned[at] = values[at]! - base[at]!;
  return learned;
}

function trim(learned: Float32Array, threshold: number): Float32Array {
  for (let at = 0; at < learned.length; at++) {
    if (Math.abs(learned[at]!) < threshold) learned[at] = 0;
  }
  return learned;
}

/** Mean of the entries that have the sign of their sum; 0 where the sum is 0. */
function electedMean(vectors: readonly Float32Array[], at: number): number {
  let total = 0;
  for (const vector of vectors) total += vector[at]!;
  let sum = 0;
  let count = 0;
  for (const vector of vectors) {
    const value = vector[at]!;
    if (value * total <= 0) continue;
    sum += value;
    count++;
  }
  return count === 0 ? 0 : sum / count;
}
