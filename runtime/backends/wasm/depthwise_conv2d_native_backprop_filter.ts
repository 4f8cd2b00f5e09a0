import type { TensorInfo } from "@tensorflow/tfjs";
import { type BackendWasm, floats, type Kernel } from "./compose.ts";
import { type Conv2DAttributes, insideLine, window2D } from "./window.ts";

/**
 * DepthwiseConv2dNativeBackpropFilter: the gradient of DepthwiseConv2dNative's filter. A loop over
 * the heap: there is no product of matrices in it. Sums are made in double precision.
 *
 * @param inputs.x [batch, height, width, channels], NHWC
 * @param inputs.dy [batch, output height, output width, channels x multiplier]
 * @param attrs.filterShape [filter height, filter width, channels, multiplier]: the result's
 */
export const depthwiseConv2dNativeBackpropFilter: Kernel = ({ inputs, attrs, backend }) => {
  const { x: input, dy: gradient } = inputs as { x: TensorInfo; dy: TensorInfo };
  const attributes = attrs as unknown as Conv2DAttributes & { filterShape: number[] };
  const wasm = backend as BackendWasm;
  const window = window2D(input.shape, attributes.filterShape, attributes, true);
  const { batch, channelsIn, channelsOut, input: [, height, width] } = window;
  const [, outHeight, outWidth] = window.output;
  const multiplier = channelsOut / channelsIn;
  const output = wasm.makeOutput(attributes.filterShape, "float32");
  const [x, dy, filter] = [floats(wasm, input), floats(wasm, gradient), floats(wasm, output)];
  const sums = new Float64Array(channelsOut);
  const step = window.stride[2] * channelsIn;
  let tap = 0;
  for (let tapY = 0; tapY < window.filter[1]; tapY++) {
    for (let tapX = 0; tapX < window.filter[2]; tapX++, tap += channelsOut) {
      const shift = tapX * window.dilation[2] - window.pad[2];
      const [start, end] = insideLine(window, shift);
      sums.fill(0);
      for (let image = 0; image < batch; image++) {
        for (let outY = 0; outY < outHeight; outY++) {
          const y = outY * window.stride[1] + tapY * window.dilation[1] - window.pad[1];
          if (y < 0 || y >= height) continue;
          let from = ((image * height + y) * width + shift) * channelsIn + start * step;
          let to = ((image * outHeight + outY) * outWidth + start) * channelsOut;
          for (let outX = start; outX < end; outX++, from += step, to += channelsOut) {
            addProducts(sums, x, from, dy, to, multiplier);
          }
        }
      }
      filter.set(sums, tap);
    }
  }
  return output;
};

/** Adds x times dy, channel by channel, to the sums. */
function addProducts(
  sums: Float64Array,
  x: Float32Array,
  from: number,
  dy: Float32Array,
  to: number,
  multiplier: number,
): void {
  if (multiplier === 1) {
    for (let at = 0; at < sums.length; at++) sums[at]! += x[from + at]! * dy[to + at]!;
    return;
  }
  for (let at = 0; at < sums.length; from++) {
    const value = x[from]!;
    const end = at + multiplier;
    for (; at < end; at++) sums[at]! += value * dy[to + at]!;
  }
}
