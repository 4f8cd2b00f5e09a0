import type { z } from "zod";
import type { HostTensor } from "../checkpoints/host_tensor.ts";
import type { MERGE_STRATEGIES, MergeStrategy } from "../protocol/merge_strategy.ts";
import { checkParents, type ModelWeights } from "./parents.ts";
import { swa } from "./swa.ts";
import { weighted } from "./weighted.ts";

export { MergeError } from "./merge_error.ts";

/** What a strategy takes beside the parents. */
export type MergeParams<S extends MergeStrategy> = z.infer<(typeof MERGE_STRATEGIES)[S]>;

const MERGE_BY_STRATEGY: {
  [S in MergeStrategy]: (
    parents: readonly ModelWeights[],
    params: MergeParams<S>,
  ) => Map<string, HostTensor>;
} = {
  swa: (parents) => swa(parents),
  weighted: (parents, { weights }) => weighted(parents, weights),
};

/**
 * Makes one model of several. Arithmetic is float64, rounded to float32 once.
 *
 * @param parents Weights by key; the first is the job in the path.
 * @throws {MergeError} that names the first tensor by which architectures differ or that is not
 * finite, or says what is wrong with `params`.
 */
export function mergeWeights<S extends MergeStrategy>(
  strategy: S,
  parents: readonly ModelWeights[],
  params: MergeParams<S>,
): Map<string, HostTensor> {
  checkParents(parents);
  return MERGE_BY_STRATEGY[strategy](parents, params);
}
