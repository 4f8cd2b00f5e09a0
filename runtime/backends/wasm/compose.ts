import * as tf from "@tensorflow/tfjs";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";

export type { BackendWasm };

/** What computes a kernel, as TensorFlow.js's registry knows it. */
export type Kernel = tf.KernelConfig["kernelFunc"];
type KernelArguments = Parameters<Kernel>[0];

/** The inputs of a kernel by name, or in order for those that take a list (`Concat`, `AddN`). */
type Inputs = Record<string, tf.TensorInfo> | tf.TensorInfo[];

/** The wasm kernels, and new memory, for the duration of one `compose()`. */
export interface Workspace {
  /** Runs a kernel of the wasm backend that gives one tensor. */
  run(kernelName: string, inputs: Inputs, attributes?: Record<string, unknown>): tf.TensorInfo;
  /** A tensor of undefined values. Views taken before this call may no longer be valid after it. */
  allocate(shape: number[], dtype?: "float32" | "int32"): tf.TensorInfo;
  /** A tensor of one value and no dimensions. */
  scalar(value: number, dtype?: "float32" | "int32"): tf.TensorInfo;
  /** Takes over a tensor that was made by other means. */
  adopt(made: ReturnType<Kernel>): tf.TensorInfo;
  /** Frees one of this workspace's tensors before the end. */
  free(tensor: tf.TensorInfo): void;
}

/**
 * Computes one tensor out of kernels that exist. What was made on the way is freed, also when it
 * throws; only the result stays. The result must have been made in the workspace.
 */
export function compose(
  backend: BackendWasm,
  body: (workspace: Workspace) => tf.TensorInfo,
): tf.TensorInfo {
  const made: tf.DataId[] = [];
  const forget = (dataId: tf.DataId) => made.splice(made.lastIndexOf(dataId), 1);
  const adopt = (output: ReturnType<Kernel>) => {
    const tensor = output as tf.TensorInfo;
    made.push(tensor.dataId);
    return tensor;
  };
  const workspace: Workspace = {
    adopt,
    run(kernelName, inputs, attributes = {}) {
      const { kernelFunc } = tf.getKernel(kernelName, "wasm");
      const output = kernelFunc({
        inputs: inputs as KernelArguments["inputs"],
        attrs: attributes as NonNullable<KernelArguments["attrs"]>,
        backend,
      });
      return adopt(output);
    },
    allocate(shape, dtype = "float32") {
      return adopt(backend.makeOutput(shape, dtype));
    },
    scalar(value, dtype = "float32") {
      const values = dtype === "int32" ? Int32Array.of(value) : Float32Array.of(value);
      return adopt(backend.makeOutput([], dtype, undefined, values));
    },
    free({ dataId }) {
      forget(dataId);
      backend.disposeData(dataId);
    },
  };
  try {
    const result = body(workspace);
    forget(result.dataId);
    return result;
  } finally {
    for (const dataId of made) backend.disposeData(dataId);
  }
}

/** The same values under another shape of the same size. Shares memory; is not freed by itself. */
export function withShape(tensor: tf.TensorInfo, shape: number[]): tf.TensorInfo {
  return { dataId: tensor.dataId, dtype: tensor.dtype, shape };
}

/**
 * The values of a float32 tensor, in the wasm heap. Valid until the next kernel or allocation:
 * the heap may grow then.
 */
export function floats(backend: BackendWasm, tensor: tf.TensorInfo): Float32Array {
  return backend.typedArrayFromHeap(tensor) as Float32Array;
}
