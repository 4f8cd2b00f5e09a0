import * as tf from "@tensorflow/tfjs";

/**
 * The gradient of what answers true or false: zero, since the answer does not change with a small
 * step, as `tf.greaterEqual` already has it.
 *
 * @param inputs The names of the kernel's inputs.
 */
export function comparison(inputs: string[]): Omit<tf.GradConfig, "kernelName"> {
  return {
    inputsToSave: inputs,
    gradFunc: (_, saved) =>
      Object.fromEntries(inputs.map((name, at) => [name, () => tf.zeros(saved[at]!.shape)])),
  };
}
