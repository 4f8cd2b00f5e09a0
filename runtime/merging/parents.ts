import { type HostTensor, kindOf } from "../checkpoints/host_tensor.ts";
import { MergeError } from "./merge_error.ts";

/** Weights of a model, by key: `0000/kernel`. */
export type ModelWeights = ReadonlyMap<string, HostTensor>;

/**
 * Checks that every parent is the same architecture as the first, with finite weights.
 *
 * @throws {MergeError} that names the first tensor that differs or is not finite, and its parent
 * (0 is the first), or the ancestor.
 */
export function checkParents(
  parents: readonly ModelWeights[],
  ancestor: ModelWeights | null = null,
): void {
  const [first] = parents;
  if (first === undefined || parents.length < 2) {
    throw new MergeError(`a merge takes at least 2 parents, not ${parents.length}`);
  }
  parents.forEach((parent, index) => checkModel(`parent ${index}`, parent, first));
  if (ancestor !== null) checkModel("the ancestor", ancestor, first);
}

function checkModel(name: string, model: ModelWeights, first: ModelWeights): void {
  for (const [key, expected] of first) {
    const found = model.get(key);
    if (found === undefined) throw new MergeError(`${name} has no tensor ${key}`);
    if (kindOf(found) !== kindOf(expected)) {
      throw new MergeError(
        `tensor ${key} is ${kindOf(found)} in ${name}, ${kindOf(expected)} in parent 0`,
      );
    }
    if (!allFinite(found.values)) {
      throw new MergeError(`tensor ${key} of ${name} is not finite`);
    }
  }
  for (const key of model.keys()) {
    if (!first.has(key)) throw new MergeError(`parent 0 has no tensor ${key}`);
  }
}

/** Whether no value is NaN or infinite. */
export function allFinite(values: HostTensor["values"]): boolean {
  // Only NaN and the infinities are not 0 less themselves; a sum needs no branch for each.
  let off = 0;
  for (let at = 0; at < values.length; at++) off += values[at]! - values[at]!;
  return off === 0;
}
