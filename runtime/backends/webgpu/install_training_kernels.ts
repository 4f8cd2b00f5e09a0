import * as tf from "@tensorflow/tfjs";
import { sharedByInputs, squareWindows } from "./pool_gradients.ts";

type Kernel = tf.KernelConfig["kernelFunc"];

/** Kernels of the webgpu backend whose gradients are not the derivatives, with what sets them right. */
const WRAPPERS: Readonly<Record<string, (stock: Kernel) => Kernel>> = {
  AvgPoolGrad: sharedByInputs,
  AvgPool3DGrad: sharedByInputs,
  MaxPool3DGrad: squareWindows,
};

/** Completes the webgpu backend. Call it once, before anything is computed on it. */
export function installTrainingKernels(): void {
  for (const [kernelName, wrap] of Object.entries(WRAPPERS)) {
    const { kernelFunc } = tf.getKernel(kernelName, "webgpu");
    tf.unregisterKernel(kernelName, "webgpu");
    tf.registerKernel({ kernelName, backendName: "webgpu", kernelFunc: wrap(kernelFunc) });
  }
}
