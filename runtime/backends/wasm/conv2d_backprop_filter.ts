import type { TensorInfo } from "@tensorflow/tfjs";
import { type BackendWasm, type Kernel, withShape } from "./compose.ts";
import { filterGradient } from "./filter_gradient.ts";
import { type Conv2DAttributes, window2D } from "./window.ts";

/**
 * Conv2DBackpropFilter: the gradient of Conv2D's filter.
 *
 * @param inputs.x [batch, height, width, channels in], NHWC
 * @param inputs.dy [batch, output height, output width, channels out]
 * @param attrs.filterShape [filter height, filter width, channels in, channels out]: the result's
 */
export const conv2DBackpropFilter: Kernel = ({ inputs, attrs, backend }) => {
  const { x, dy } = inputs as { x: TensorInfo; dy: TensorInfo };
  const attributes = attrs as unknown as Conv2DAttributes & { filterShape: number[] };
  const window = window2D(x.shape, attributes.filterShape, attributes);
  const gradient = filterGradient(backend as BackendWasm, window, x, dy);
  return withShape(gradient, attributes.filterShape);
};
