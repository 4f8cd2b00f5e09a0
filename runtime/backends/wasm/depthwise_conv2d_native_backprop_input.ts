import type { TensorInfo } from "@tensorflow/tfjs";
import { type BackendWasm, floats, type Kernel } from "./compose.ts";
import { type Conv2DAttributes, insideLine, window2D } from "./window.ts";

/**
 * DepthwiseConv2dNativeBackpropInput: the gradient of DepthwiseConv2dNative's input. A loop over
 * the heap: there is no product of matrices in it.
 *
 * @param inputs.dy [batch, output height, output width, channels x multiplier], NHWC
 * @param inputs.filter [filter height, filter width, channels, multiplier]
 * @param attrs.inputShape [batch, height, width, channels]: the result's
 */
export const depthwiseConv2dNativeBackpropInput: Kernel = ({ inputs, attrs, backend }) => {
  const { dy: gradient, filter } = inputs as { dy: TensorInfo; filter: TensorInfo };
  const attributes = attrs as unknown as Conv2DAttributes & { inputShape: number[] };
  const wasm = backend as BackendWasm;
  const window = window2D(attributes.inputShape, filter.shape, attributes, true);
  const { batch, channelsIn, channelsOut, input: [, height, width] } = window;
  const [, outHeight, outWidth] = window.output;
  const multiplier = channelsOut / channelsIn;
  const output = wasm.makeOutput(attributes.inputShape, "float32");
  const [dy, weights, dx] = [floats(wasm, gradient), floats(wasm, filter), floats(wasm, output)];
  dx.fill(0);
  const step = window.stride[2] * channelsIn;
  for (let image = 0; image < batch; image++) {
    for (let outY = 0; outY < outHeight; outY++) {
      let tap = 0;
      for (let tapY = 0; tapY < window.filter[1]; tapY++) {
        const y = outY * window.stride[1] + tapY * window.dilation[1] - window.pad[1];
        for (let tapX = 0; tapX < window.filter[2]; tapX++, tap += channelsOut) {
          if (y < 0 || y >= height) continue;
          const shift = tapX * window.dilation[2] - window.pad[2];
          const [start, end] = insideLine(window, shift);
          let to = ((image * height + y) * width + shift) * channelsIn + start * step;
          let from = ((image * outHeight + outY) * outWidth + start) * channelsOut;
          for (let outX = start; outX < end; outX++, to += step, from += channelsOut) {
            addProducts(dx, to, dy, from, weights, tap, channelsIn, multiplier);
          }
        }
      }
    }
  }
  return output;
};

/** Adds dy times the weights of a tap to the gradients of one pixel, channel by channel. */
function addProducts(
  dx: Float32Array,
  to: number,
  dy: Float32Array,
  from: number,
  weights: Float32Array,
  tap: number,
  channels: number,
  multiplier: number,
): void {
  if (multiplier === 1) {
    for (let at = 0; at < channels; at++) dx[to + at]! += dy[from + at]! * weights[tap + at]!;
    return;
  }
  for (let channel = 0, at = 0; channel < channels; channel++) {
    const last = at + multiplier;
    let sum = 0;
    for (; at < last; at++) sum += dy[from + at]! * weights[tap + at]!;
    dx[to + channel]! += sum;
  }
}
