import * as tf from "@tensorflow/tfjs";
import type { ModelHandle } from "../training/model_handle.ts";
import { deviceCopy, hostCopy, type HostTensor, kindOf } from "./host_tensor.ts";

/** Weights that do not fit the model they are given to; `key` is the first that differs. */
export class WeightMismatchError extends Error {
  override name = "WeightMismatchError";
  /** @param key Key of the weight, `0003/kernel`. */
  constructor(readonly key: string, message: string) {
    super(message);
  }
}

/** Copies every weight of a model to the host, by key, in the model's order. */
export function captureWeights(handle: ModelHandle): Map<string, HostTensor> {
  return new Map(handle.weights.map(({ key, variable }) => [key, hostCopy(key, variable)]));
}

/**
 * Gives a model the weights that {@linkcode captureWeights} took: all of them or, where one does
 * not fit, none.
 *
 * @throws {WeightMismatchError} that names the first weight that differs.
 */
export function assignWeights(
  handle: ModelHandle,
  weights: ReadonlyMap<string, HostTensor>,
): void {
  checkWeights(handle, weights);
  for (const { key, variable } of handle.weights) {
    tf.tidy(() => variable.assign(deviceCopy(weights.get(key)!)));
  }
}

/** @throws {WeightMismatchError} unless keys, shapes and dtypes are the model's. */
export function checkWeights(
  handle: ModelHandle,
  weights: ReadonlyMap<string, HostTensor>,
): void {
  for (const { key, variable } of handle.weights) {
    const given = weights.get(key);
    if (given === undefined) {
      throw new WeightMismatchError(key, `weight ${key} of the model is missing`);
    }
    if (kindOf(given) !== kindOf(variable)) {
      throw new WeightMismatchError(
        key,
        `weight ${key} is ${kindOf(given)}; the model's is ${kindOf(variable)}`,
      );
    }
  }
  const known = new Set(handle.weights.map((weight) => weight.key));
  for (const key of weights.keys()) {
    if (!known.has(key)) throw new WeightMismatchError(key, `the model has no weight ${key}`);
  }
}
