import type { TensorInfo } from "@tensorflow/tfjs";
import { type BackendWasm, type Kernel, withShape } from "./compose.ts";
import { convolve } from "./convolution.ts";
import { type Conv3DAttributes, window3D } from "./window.ts";

/**
 * Conv3D: the stock kernel is a scalar loop.
 *
 * @param inputs.x [batch, depth, height, width, channels in], NDHWC
 * @param inputs.filter [depth, height, width, channels in, channels out]
 * @returns [batch, output depth, output height, output width, channels out]
 */
export const conv3D: Kernel = ({ inputs, attrs, backend }) => {
  const { x, filter } = inputs as { x: TensorInfo; filter: TensorInfo };
  const window = window3D(x.shape, filter.shape, attrs as unknown as Conv3DAttributes);
  const sums = convolve(backend as BackendWasm, window, x, filter);
  return withShape(sums, [window.batch, ...window.output, window.channelsOut]);
};
