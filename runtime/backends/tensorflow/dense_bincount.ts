import type * as tf from "@tensorflow/tfjs";
import {
  createTensorsTypeOpAttr,
  type NodeJSKernelBackend,
} from "@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js";

/** The kernel of `tf.denseBincount`, which `tf.layers.categoryEncoding` needs; the package has none. */
export const denseBincount: tf.KernelConfig = {
  kernelName: "DenseBincount",
  backendName: "tensorflow",
  kernelFunc: ({ inputs, attrs, backend: given }) => {
    const backend = given as NodeJSKernelBackend;
    const { x, weights } = inputs as { x: tf.TensorInfo; weights: tf.TensorInfo };
    const { size, binaryOutput } = attrs as unknown as { size: number; binaryOutput: boolean };
    const { TF_ATTR_BOOL } = backend.binding;
    const attributes = [
      createTensorsTypeOpAttr("Tidx", x.dtype),
      createTensorsTypeOpAttr("T", weights.dtype),
      { name: "binary_output", type: TF_ATTR_BOOL, value: binaryOutput },
    ];
    const dataId = backend.write(Int32Array.of(size), [], x.dtype);
    try {
      const length: tf.TensorInfo = { dataId, shape: [], dtype: x.dtype };
      return backend.executeSingleOutput("DenseBincount", attributes, [x, length, weights]);
    } finally {
      backend.disposeData(dataId);
    }
  },
};
