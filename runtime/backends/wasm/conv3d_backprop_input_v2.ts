import type { TensorInfo } from "@tensorflow/tfjs";
import { type BackendWasm, type Kernel, withShape } from "./compose.ts";
import { inputGradient } from "./input_gradient.ts";
import { type Conv3DAttributes, window3D } from "./window.ts";

/**
 * Conv3DBackpropInputV2: the gradient of Conv3D's input, which is also what conv3dTranspose
 * computes. The stock kernel is a scalar loop.
 *
 * @param inputs.dy [batch, output depth, output height, output width, channels out], NDHWC
 * @param inputs.filter [depth, height, width, channels in, channels out]
 * @param attrs.inputShape [batch, depth, height, width, channels in]: the result's
 */
export const conv3DBackpropInputV2: Kernel = ({ inputs, attrs, backend }) => {
  const { dy, filter } = inputs as { dy: TensorInfo; filter: TensorInfo };
  const attributes = attrs as unknown as Conv3DAttributes & { inputShape: number[] };
  const window = window3D(attributes.inputShape, filter.shape, attributes);
  const gradient = inputGradient(backend as BackendWasm, window, dy, filter);
  return withShape(gradient, attributes.inputShape);
};
