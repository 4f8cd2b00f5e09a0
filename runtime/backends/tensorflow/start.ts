import util from "node:util";
import * as tf from "@tensorflow/tfjs";
import { NodeJSKernelBackend } from "@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js";
import "@tensorflow/tfjs-node-gpu/dist/register_all_kernels.js";
import { createBinding } from "./binding.ts";
import { openLibrary } from "./c_api.ts";
import { denseBincount } from "./dense_bincount.ts";

const NAME = "tensorflow";

/**
 * Makes TensorFlow's own library the backend of TensorFlow.js. Starting it again only selects it.
 *
 * Needs the permission `ffi` for just the library. Importing this registers the kernels.
 *
 * @param library Path of `libtensorflow_cc.so.2` or `libtensorflow.so.2`.
 * @param threads Threads that one operation may use.
 * @param gpuFraction Share of the memory of the GPU that this process was given; null: none.
 * @returns The version of TensorFlow.
 * @throws {TensorFlowLibraryError} when the library cannot be used.
 * @throws {TensorFlowError} when it is TensorFlow, and cannot be started.
 */
export function startTensorFlow(
  library: string,
  threads: number,
  gpuFraction: number | null = null,
): string {
  const running = tf.findBackend(NAME) as NodeJSKernelBackend | null;
  if (running !== null) {
    tf.setBackend(NAME);
    return running.binding.TF_Version;
  }
  const binding = createBinding(openLibrary(library), threads, gpuFraction);
  restoreNodeUtil();
  // The class declares the whole addon; training asks for no more of it than there is here.
  const addon = binding as unknown as NodeJSKernelBackend["binding"];
  tf.registerKernel(denseBincount);
  tf.registerBackend(NAME, () => new NodeJSKernelBackend(addon, "@tensorflow/tfjs-node"));
  tf.setBackend(NAME);
  return binding.TF_Version;
}

/** The kernels call two functions of `node:util` that newer runtimes no longer have. */
function restoreNodeUtil(): void {
  const restored: Record<string, unknown> = {
    isNullOrUndefined: (value: unknown) => value === null || value === undefined,
    isArray: Array.isArray,
  };
  const target = util as unknown as Record<string, unknown>;
  for (const [name, value] of Object.entries(restored)) target[name] ??= value;
}
