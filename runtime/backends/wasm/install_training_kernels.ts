import * as tf from "@tensorflow/tfjs";
import { avgPool } from "./avg_pool.ts";
import { avgPoolGrad } from "./avg_pool_grad.ts";
import { oneByOne, transposeFirst } from "./batch_mat_mul.ts";
import { cast } from "./cast.ts";
import { clipByValue, relu, relu6 } from "./clip_by_value.ts";
import type { Kernel } from "./compose.ts";
import { conv2D, fusedConv2D } from "./conv2d.ts";
import { conv2DBackpropFilter } from "./conv2d_backprop_filter.ts";
import { conv2DBackpropInput } from "./conv2d_backprop_input.ts";
import { conv3D } from "./conv3d.ts";
import { conv3DBackpropFilterV2 } from "./conv3d_backprop_filter_v2.ts";
import { conv3DBackpropInputV2 } from "./conv3d_backprop_input_v2.ts";
import { depthwiseConv2dNative, fusedDepthwiseConv2D } from "./depthwise_conv2d_native.ts";
import { depthwiseConv2dNativeBackpropFilter } from "./depthwise_conv2d_native_backprop_filter.ts";
import { depthwiseConv2dNativeBackpropInput } from "./depthwise_conv2d_native_backprop_input.ts";
import { einsum } from "./einsum.ts";
import { keepBothNaN } from "./extremum.ts";
import { broadcastStatistics } from "./fused_batch_norm.ts";
import { fusedMatMul } from "./fused_mat_mul.ts";
import { gatherV2 } from "./gather_v2.ts";
import { shareMemory } from "./identity.ts";
import { maxPool } from "./max_pool.ts";
import { maxPoolGrad } from "./max_pool_grad.ts";
import { meanInPlace } from "./mean.ts";
import { installFusedUpdates } from "./optimizers/install_fused_updates.ts";
import { sumInPlace } from "./sum.ts";
import { unsortedSegmentSum } from "./unsorted_segment_sum.ts";

/** Kernels that stock wasm lacks, or has in a form too slow to train with. */
const KERNELS: Readonly<Record<string, Kernel>> = {
  AvgPoolGrad: avgPoolGrad,
  AvgPool3DGrad: avgPoolGrad,
  Conv2DBackpropFilter: conv2DBackpropFilter,
  Conv2DBackpropInput: conv2DBackpropInput,
  Conv3D: conv3D,
  Conv3DBackpropFilterV2: conv3DBackpropFilterV2,
  Conv3DBackpropInputV2: conv3DBackpropInputV2,
  DepthwiseConv2dNativeBackpropFilter: depthwiseConv2dNativeBackpropFilter,
  DepthwiseConv2dNativeBackpropInput: depthwiseConv2dNativeBackpropInput,
  Einsum: einsum,
  GatherV2: gatherV2,
  MaxPoolGrad: maxPoolGrad,
  MaxPool3DGrad: maxPoolGrad,
  UnsortedSegmentSum: unsortedSegmentSum,
};

/** Kernels that do something before or after the stock one. */
const WRAPPERS: Readonly<Record<string, (stock: Kernel) => Kernel>> = {
  AvgPool: avgPool,
  BatchMatMul: (stock) => transposeFirst(oneByOne(stock)),
  Cast: cast,
  ClipByValue: clipByValue,
  Conv2D: conv2D,
  DepthwiseConv2dNative: depthwiseConv2dNative,
  FusedBatchNorm: broadcastStatistics,
  FusedConv2D: fusedConv2D,
  FusedDepthwiseConv2D: fusedDepthwiseConv2D,
  Identity: shareMemory,
  MaxPool: maxPool,
  MaxPool3D: maxPool,
  Maximum: keepBothNaN,
  Mean: meanInPlace,
  Minimum: keepBothNaN,
  Relu: relu,
  Relu6: relu6,
  Sum: sumInPlace,
  _FusedMatMul: (stock) => fusedMatMul(transposeFirst(stock)),
};

/**
 * Completes the wasm backend so that every `tf.layers` model trains on it. Call it once the wasm
 * backend is ready. Calling it again changes nothing.
 */
export function installTrainingKernels(): void {
  if (isInstalled()) return;
  for (const [kernelName, wrap] of Object.entries(WRAPPERS)) {
    replace(kernelName, wrap(tf.getKernel(kernelName, "wasm").kernelFunc));
  }
  for (const [kernelName, kernelFunc] of Object.entries(KERNELS)) replace(kernelName, kernelFunc);
  installFusedUpdates();
}

function isInstalled(): boolean {
  const [kernelName, kernelFunc] = Object.entries(KERNELS).at(-1)!;
  return tf.getKernel(kernelName, "wasm")?.kernelFunc === kernelFunc;
}

function replace(kernelName: string, kernelFunc: Kernel): void {
  if (tf.getKernel(kernelName, "wasm") !== undefined) tf.unregisterKernel(kernelName, "wasm");
  tf.registerKernel({ kernelName, backendName: "wasm", kernelFunc });
}
