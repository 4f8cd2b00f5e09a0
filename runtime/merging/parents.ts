import { type HostTensor, kindOf } from "../checkpoints/host_tensor.ts";
import { MergeError } from "./merge_error.ts";

/** Weights of a model, by key: `0000/kernel`. */
export type ModelWeights = ReadonlyMap<string, HostTensor>;

/**
 * Checks that every parent is the same architecture as the first, with finite weights.
 *
 * @throws {MergeError} that names the first tensor that differs or is not finite, and its parent
 * (0 is the first).
 */
export function checkParents(parents: readonly ModelWeights[]): void {
  const [first] = parents;
  if (first === undefined || parents.length < 2) {
    throw new MergeError(`a merge takes at least 2 parents, not ${parents.length}`);
  }
  parents.forEach((parent, index) => {
    for (const [key, expected] of first) {
      const found = parent.get(key);
      if (found === undefined) throw new MergeError(`parent ${index} has no tensor ${key}`);
      if (kindOf(found) !== kindOf(expected)) {
        throw new MergeError(
          `tensor ${key} is ${kindOf(found)} in parent ${index}, ${kindOf(expected)} in parent 0`,
        );
      }
      if (!found.values.every(Number.isFinite)) {
        throw new MergeError(`tensor ${key} of parent ${index} is not finite`);
      }
    }
    for (const key of parent.keys()) {
      if (!first.has(key)) throw new MergeError(`parent 0 has no tensor ${key}`);
    }
  });
}
