import type { ModelHandle } from "../training/model_handle.ts";
import * as checkpoints from "../checkpoints/weights.ts";
import { MergeError } from "./merge_error.ts";
import type { ModelWeights } from "./parents.ts";

/**
 * Gives the merged weights to the child's model.
 *
 * @throws {MergeError} that names the first weight that differs; the model is left as it is.
 */
export function assignWeights(handle: ModelHandle, merged: ModelWeights): void {
  try {
    checkpoints.assignWeights(handle, merged);
  } catch (cause) {
    if (!(cause instanceof checkpoints.WeightMismatchError)) throw cause;
    throw new MergeError(`the parents are no checkpoints of this model: ${cause.message}`, {
      cause,
    });
  }
}
