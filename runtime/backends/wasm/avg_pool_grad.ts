import type { TensorInfo } from "@tensorflow/tfjs";
import { type BackendWasm, floats, type Kernel } from "./compose.ts";
import { eachPoolPosition } from "./pool_positions.ts";
import { type PoolAttributes, poolWindow } from "./window.ts";

/**
 * AvgPoolGrad and AvgPool3DGrad: the gradient is shared evenly by the inputs of each window. Padding
 * takes no share, since AvgPool does not count it; the stock kernels (cpu's as well, 4.22) divide by
 * the whole window there, which is not the derivative.
 *
 * @param inputs.dy [batch, (output depth,) output height, output width, channels]
 * @param inputs.input [batch, (depth,) height, width, channels]: what was pooled
 */
export const avgPoolGrad: Kernel = ({ inputs, attrs, backend }) => {
  const { dy, input } = inputs as { dy: TensorInfo; input: TensorInfo };
  const wasm = backend as BackendWasm;
  const window = poolWindow(input.shape, attrs as unknown as PoolAttributes);
  const channels = window.channelsIn;
  const output = wasm.makeOutput(input.shape, "float32");
  const [from, dx] = [floats(wasm, dy), floats(wasm, output)];
  dx.fill(0);
  eachPoolPosition(window, ({ output, inputs, count }) => {
    for (let tap = 0; tap < count; tap++) {
      const at = inputs[tap]!;
      for (let channel = 0; channel < channels; channel++) {
        dx[at + channel]! += from[output + channel]! / count;
      }
    }
  });
  return output;
};
