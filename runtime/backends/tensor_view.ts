import * as tf from "@tensorflow/tfjs";

/** What the wasm and cpu backends of TensorFlow.js offer for reading in place. */
interface InPlaceBackend {
  typedArrayFromHeap?(tensor: tf.TensorInfo): Float32Array | Int32Array | Uint8Array;
  data?: { get(dataId: tf.DataId): { values?: unknown } };
}

/**
 * The values of a tensor in row-major order, without a copy where the backend allows it. Valid
 * only until the next kernel runs: memory may move then. Not to be written to.
 *
 * @throws {TypeError} for string and complex64 tensors.
 */
export function readValues(tensor: tf.TensorInfo): Float32Array | Int32Array | Uint8Array {
  if (tensor.dtype === "string" || tensor.dtype === "complex64") {
    throw new TypeError(`values of a ${tensor.dtype} tensor cannot be read in place`);
  }
  const engine = tf.engine();
  const backend = engine.backend as unknown as InPlaceBackend & tf.KernelBackend;
  // A tensor that another backend made is not in this one's memory.
  if (backend.refCount(tensor.dataId) > 0) {
    if (backend.typedArrayFromHeap !== undefined) return backend.typedArrayFromHeap(tensor);
    const values = backend.data?.get(tensor.dataId).values;
    if (isNumeric(values)) return values;
  }
  return engine.readSync(tensor.dataId) as Float32Array | Int32Array | Uint8Array;
}

/** Whether tensors lie in a GPU's memory, from where reading them means a copy. */
export function isOnDevice(): boolean {
  return tf.getBackend() === "webgpu";
}

function isNumeric(values: unknown): values is Float32Array | Int32Array | Uint8Array {
  return values instanceof Float32Array || values instanceof Int32Array ||
    values instanceof Uint8Array;
}
