import { readValues } from "../backends/tensor_view.ts";
import type { Batch } from "../data/dataset.ts";

/** What a batch counts for in a mean over several: the sum of its weights, or its samples. */
export function batchWeight({ weights }: Batch, samples: number): number {
  if (weights === undefined) return samples;
  let sum = 0;
  for (const weight of readValues(weights)) sum += weight;
  return sum;
}
