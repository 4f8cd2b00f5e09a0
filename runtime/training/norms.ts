import type * as tf from "@tensorflow/tfjs";
import { readValues } from "../backends/tensor_view.ts";

/**
 * Global L2 norm of the tensors' values, summed in double precision. Read from memory, since the
 * same by kernels costs a tenth of a small step (DESIGN section 4).
 */
export function l2Norm(tensors: readonly tf.Tensor[]): number {
  let sum = 0;
  for (const tensor of tensors) {
    const values = readValues(tensor);
    for (let at = 0; at < values.length; at++) sum += values[at]! * values[at]!;
  }
  return Math.sqrt(sum);
}
