import type { HostTensor } from "../checkpoints/host_tensor.ts";
import { mapTensors } from "./map_tensors.ts";
import { MergeError } from "./merge_error.ts";
import type { ModelWeights } from "./parents.ts";

/**
 * Weighted mean: w = (sum over i of c_i w_i) / (sum over i of c_i), summed in float64.
 *
 * The weighted "model soup" of Wortsman et al., Model soups: averaging weights of multiple
 * fine-tuned models improves accuracy without increasing inference time (2022), section 2.
 *
 * @param parents Weights of the same architecture.
 * @param coefficients c, one a parent, at least 0; they need not sum to 1. Integer and bool
 * tensors are the first parent's.
 * @throws {MergeError} when their number is not the parents', one is negative or NaN, or their sum
 * is 0 or not finite.
 */
export function weighted(
  parents: readonly ModelWeights[],
  coefficients: readonly number[],
): Map<string, HostTensor> {
  const shares = sharesOf(coefficients, parents.length);
  return mapTensors(parents, (values) => combination(values, shares));
}

/** Coefficients that sum to 1. @throws {MergeError} as {@linkcode weighted}. */
export function sharesOf(coefficients: readonly number[], parents: number): number[] {
  if (coefficients.length !== parents) {
    throw new MergeError(
      `params.weights has ${coefficients.length} entries for ${parents} parents`,
    );
  }
  if (!coefficients.every((coefficient) => coefficient >= 0)) {
    throw new MergeError(`params.weights [${coefficients}]; each must be at least 0`);
  }
  const total = coefficients.reduce((sum, coefficient) => sum + coefficient, 0);
  if (!(total > 0 && Number.isFinite(total))) {
    throw new MergeError(`params.weights sum to ${total}; the sum must be positive and finite`);
  }
  return coefficients.map((coefficient) => coefficient / total);
}

/** Sum of `shares[i] * tensors[i]`, in float64, rounded once at the end. */
function combination(
  tensors: readonly Float32Array[],
  shares: readonly number[],
): Float32Array {
  const sums = new Float64Array(tensors[0]!.length);
  tensors.forEach((values, parent) => {
    const share = shares[parent]!;
    for (let i = 0; i < sums.length; i++) sums[i]! += share * values[i]!;
  });
  return new Float32Array(sums);
}
