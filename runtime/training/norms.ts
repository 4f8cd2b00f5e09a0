import * as tf from "@tensorflow/tfjs";
import { isOnDevice, readValues } from "../backends/tensor_view.ts";

/**
 * Global L2 norm of the tensors' values, summed in double precision. Read from memory, since the
 * same by kernels costs a tenth of a small step (DESIGN section 4). A GPU sums them up itself, in
 * single precision, since bringing them over would cost more.
 */
export function l2Norm(tensors: readonly tf.Tensor[]): number {
  if (isOnDevice() && tensors.length > 0) {
    const squares = () => tensors.map((tensor) => tf.sum(tf.square(tensor)).reshape([1]));
    return Math.sqrt(tf.tidy(() => readValues(tf.sum(tf.concat(squares())))[0]!));
  }
  let sum = 0;
  for (const tensor of tensors) {
    const values = readValues(tensor);
    for (let at = 0; at < values.length; at++) sum += values[at]! * values[at]!;
  }
  return Math.sqrt(sum);
}
