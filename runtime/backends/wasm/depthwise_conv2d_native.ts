import type { TensorInfo } from "@tensorflow/tfjs";
import { finish, type Fused, type FusedInputs } from "./activation.ts";
import { type BackendWasm, compose, floats, type Kernel } from "./compose.ts";
import { isFinite } from "./finite.ts";
import { type Conv2DAttributes, insideLine, window2D } from "./window.ts";

/**
 * DepthwiseConv2dNative: XNNPACK's, except that NaN and infinities go where they belong.
 *
 * @param inputs.x [batch, height, width, channels], NHWC
 * @param inputs.filter [filter height, filter width, channels, multiplier]
 * @returns [batch, output height, output width, channels x multiplier]
 */
export function depthwiseConv2dNative(stock: Kernel): Kernel {
  return (args) => {
    const { x, filter } = args.inputs as Operands;
    const backend = args.backend as BackendWasm;
    if (isFinite(backend, x) && isFinite(backend, filter)) return stock(args);
    return carefully(backend, x, filter, args.attrs as unknown as Conv2DAttributes);
  };
}

/** FusedDepthwiseConv2D: as depthwiseConv2dNative, then a bias and an activation. */
export function fusedDepthwiseConv2D(stock: Kernel): Kernel {
  return (args) => {
    const { x, filter, ...fused } = args.inputs as Operands & FusedInputs;
    const backend = args.backend as BackendWasm;
    const finite = [x, filter, fused.bias].every((tensor) =>
      tensor == null || isFinite(backend, tensor)
    );
    if (finite) return stock(args);
    const attributes = args.attrs as unknown as Conv2DAttributes & Fused;
    return compose(backend, (workspace) => {
      const sums = workspace.adopt(carefully(backend, x, filter, attributes));
      return finish(workspace, sums, fused, attributes);
    });
  };
}

type Operands = Record<"x" | "filter", TensorInfo>;

function carefully(
  backend: BackendWasm,
  input: TensorInfo,
  filter: TensorInfo,
  attributes: Conv2DAttributes,
): TensorInfo {
  const window = window2D(input.shape, filter.shape, attributes, true);
  const { batch, channelsIn, channelsOut, input: [, height, width] } = window;
  const [, outHeight, outWidth] = window.output;
  const multiplier = channelsOut / channelsIn;
  const output = backend.makeOutput([batch, outHeight, outWidth, channelsOut], "float32");
  const [x, weights, y] = [
    floats(backend, input),
    floats(backend, filter),
    floats(backend, output),
  ];
  y.fill(0);
  const step = window.stride[2] * channelsIn;
  for (let line = 0; line < batch * outHeight; line++) {
    const image = Math.floor(line / outHeight);
    let tap = 0;
    for (let tapY = 0; tapY < window.filter[1]; tapY++) {
      const top = (line - image * outHeight) * window.stride[1] - window.pad[1];
      const row = top + tapY * window.dilation[1];
      for (let tapX = 0; tapX < window.filter[2]; tapX++, tap += channelsOut) {
        if (row < 0 || row >= height) continue;
        const shift = tapX * window.dilation[2] - window.pad[2];
        const [start, end] = insideLine(window, shift);
        let from = ((image * height + row) * width + shift) * channelsIn + start * step;
        let to = (line * outWidth + start) * channelsOut;
        for (let outX = start; outX < end; outX++, from += step, to += channelsOut) {
          for (let at = 0; at < channelsOut; at++) {
            y[to + at]! += x[from + Math.floor(at / multiplier)]! * weights[tap + at]!;
          }
        }
      }
    }
  }
  return output;
}
