import * as tf from "@tensorflow/tfjs";
import { transposeFirst } from "./batch_mat_mul.ts";
import type { Kernel } from "./compose.ts";
import { conv2DBackpropFilter } from "./conv2d_backprop_filter.ts";
import { conv2DBackpropInput } from "./conv2d_backprop_input.ts";

/** Kernels that stock wasm lacks, or has in a form too slow to train with. */
const KERNELS: Readonly<Record<string, Kernel>> = {
  Conv2DBackpropFilter: conv2DBackpropFilter,
  Conv2DBackpropInput: conv2DBackpropInput,
};

/** Kernels that do something before or after the stock one. */
const WRAPPERS: Readonly<Record<string, (stock: Kernel) => Kernel>> = {
  BatchMatMul: transposeFirst,
  _FusedMatMul: transposeFirst,
};

/**
 * Completes the wasm backend so that every `tf.layers` model trains on it. Call it once the wasm
 * backend is ready. Calling it again changes nothing.
 */
export function installTrainingKernels(): void {
  for (const [kernelName, kernelFunc] of Object.entries(KERNELS)) {
    const stock = tf.getKernel(kernelName, "wasm");
    if (stock?.kernelFunc !== kernelFunc) replace(kernelName, kernelFunc);
  }
  for (const [kernelName, wrap] of Object.entries(WRAPPERS)) {
    const { kernelFunc } = tf.getKernel(kernelName, "wasm");
    if (wrapped.has(kernelFunc)) continue;
    const ours = wrap(kernelFunc);
    wrapped.add(ours);
    replace(kernelName, ours);
  }
}

const wrapped = new WeakSet<Kernel>();

function replace(kernelName: string, kernelFunc: Kernel): void {
  if (tf.getKernel(kernelName, "wasm") !== undefined) tf.unregisterKernel(kernelName, "wasm");
  tf.registerKernel({ kernelName, backendName: "wasm", kernelFunc });
}
