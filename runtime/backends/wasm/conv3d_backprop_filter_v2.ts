import type { TensorInfo } from "@tensorflow/tfjs";
import { type BackendWasm, type Kernel, withShape } from "./compose.ts";
import { filterGradient } from "./filter_gradient.ts";
import { type Conv3DAttributes, window3D } from "./window.ts";

/**
 * Conv3DBackpropFilterV2: the gradient of Conv3D's filter. The stock kernel is a scalar loop.
 *
 * @param inputs.x [batch, depth, height, width, channels in], NDHWC
 * @param inputs.dy [batch, output depth, output height, output width, channels out]
 * @param attrs.filterShape [depth, height, width, channels in, channels out]: the result's
 */
export const conv3DBackpropFilterV2: Kernel = ({ inputs, attrs, backend }) => {
  const { x, dy } = inputs as { x: TensorInfo; dy: TensorInfo };
  const attributes = attrs as unknown as Conv3DAttributes & { filterShape: number[] };
  const window = window3D(x.shape, attributes.filterShape, attributes);
  const gradient = filterGradient(backend as BackendWasm, window, x, dy);
  return withShape(gradient, attributes.filterShape);
};
