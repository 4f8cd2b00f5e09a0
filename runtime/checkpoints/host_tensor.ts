import * as tf from "@tensorflow/tfjs";

/** A tensor on the host: its values, row-major, in the array that tfjs uses for its dtype. */
export interface HostTensor {
  dtype: "float32" | "int32" | "bool";
  shape: number[];
  values: Float32Array | Int32Array | Uint8Array;
}

/**
 * Copies a tensor to the host, at once.
 *
 * @param name What an error calls it.
 * @throws {TypeError} for a dtype that training does not use (string, complex64).
 */
export function hostCopy(name: string, tensor: tf.Tensor): HostTensor {
  const { dtype } = tensor;
  if (dtype !== "float32" && dtype !== "int32" && dtype !== "bool") {
    throw new TypeError(`${name} is ${dtype}; a checkpoint holds float32, int32 and bool`);
  }
  const values = tensor.dataSync<"float32" | "int32" | "bool">();
  // The cpu backend answers its own memory; wasm answers a copy, which is not copied again.
  const copy = tf.getBackend() === "wasm" ? values : values.slice();
  return { dtype, shape: [...tensor.shape], values: copy };
}

/** Makes a tensor of a copy of the values. */
export function deviceCopy({ dtype, shape, values }: HostTensor): tf.Tensor {
  return tf.tensor(values.slice(), shape, dtype);
}

/** `float32 [2,3]`, as errors spell a tensor's kind. */
export function kindOf({ dtype, shape }: { dtype: string; shape: readonly number[] }): string {
  return `${dtype} [${shape}]`;
}
