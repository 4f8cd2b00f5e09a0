import type { NodeJSKernelBackend } from "@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js";
import { type CApi, libraryVersion, TensorFlowLibraryError } from "./c_api.ts";
import { countDevices, createContext } from "./context.ts";
import { DATA_TYPES } from "./data_types.ts";
import { OpExecutor } from "./execute_op.ts";
import { MixedPrecisionExecutor } from "./half_precision.ts";
import { ATTRIBUTE_TYPES } from "./op_attributes.ts";
import { Status } from "./status.ts";
import { TensorHandles } from "./tensor_handles.ts";

/** What the backend class of `@tensorflow/tfjs-node-gpu` calls its C++ addon. */
type Addon = NodeJSKernelBackend["binding"];

/** Of the addon, what training needs: no saved models, no TensorBoard. */
export type TensorFlowBinding =
  & Omit<
    Addon,
    "TensorMetadata" | "TFEOpAttr" | "loadSavedModel" | "deleteSavedModel" | "runSavedModel"
  >
  & {
    /** Products and convolutions in float16 from now on, or in float32 again. */
    computeInHalf(on: boolean): void;
  };

/**
 * Stands in for the C++ addon, over TensorFlow's C API.
 *
 * @param threads Threads that one operation may use. The first binding of a process decides.
 * @param gpuFraction Share of the memory of the GPU that this process was given; null: it was given
 * none. TensorFlow runs on the GPU whatever operation can run there.
 * @throws {TensorFlowError} when TensorFlow cannot be started.
 * @throws {TensorFlowLibraryError} when it does not see the GPU: it would compute without one.
 */
export function createBinding(
  api: CApi,
  threads: number,
  gpuFraction: number | null = null,
): TensorFlowBinding {
  const status = new Status(api);
  const context = createContext(api, status, threads, gpuFraction);
  if (gpuFraction !== null && countDevices(api, status, context, "GPU") === 0) {
    throw new TensorFlowLibraryError(
      "TensorFlow does not see the GPU that it was given: its driver, or a library of CUDA beside " +
        "TensorFlow's, is missing or too old (TF_CPP_MIN_LOG_LEVEL=0 has TensorFlow say which)",
    );
  }
  const handles = new TensorHandles(api, status);
  const executor = new MixedPrecisionExecutor(
    new OpExecutor(api, status, context, handles),
    handles,
  );
  return {
    ...DATA_TYPES,
    ...ATTRIBUTE_TYPES,
    TF_Version: libraryVersion(api),
    computeInHalf: (on) => void (executor.half = on),
    isUsingGpuDevice: () => gpuFraction !== null,
    getNumOfTensors: () => handles.count,
    getNumOfSavedModels: () => 0,
    createTensor: (shape, dtype, values) =>
      handles.create(shape, dtype, values as ArrayLike<number>),
    deleteTensor: (id) => handles.delete(id),
    tensorDataSync: (id) => handles.read(id),
    executeOp: (name, attributes, inputs, outputs) =>
      executor.execute(name, attributes, inputs, outputs),
  };
}
