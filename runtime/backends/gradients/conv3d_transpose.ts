import * as tf from "@tensorflow/tfjs";

/**
 * The gradient of Conv3DBackpropInputV2, which computes `tf.conv3dTranspose`. It is linear in both
 * inputs: its adjoint is the convolution, as conv2dTranspose's in TensorFlow.js.
 */
export const conv3DTranspose: Omit<tf.GradConfig, "kernelName"> = {
  inputsToSave: ["dy", "filter"],
  gradFunc: (gradient, saved, attrs) => {
    const [dy, filter] = saved as [tf.Tensor5D, tf.Tensor5D];
    const { strides, pad } = attrs as unknown as {
      strides: number | [number, number, number];
      pad: "valid" | "same";
    };
    const dx = gradient as tf.Tensor5D;
    return {
      dy: () => tf.conv3d(dx, filter, strides, pad),
      filter: () =>
        tf.engine().runKernel("Conv3DBackpropFilterV2", { x: dx, dy }, {
          strides,
          pad,
          filterShape: filter.shape,
        }),
    };
  },
};
