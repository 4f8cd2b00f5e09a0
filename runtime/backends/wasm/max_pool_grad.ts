import type { TensorInfo } from "@tensorflow/tfjs";
import { type BackendWasm, floats, type Kernel } from "./compose.ts";
import { eachPoolPosition } from "./pool_positions.ts";
import { type PoolAttributes, poolWindow } from "./window.ts";

/**
 * MaxPoolGrad and MaxPool3DGrad: the gradient goes to the first greatest input of each window, as
 * on cpu. The stock kernels search every window again for every input, 15 times slower.
 *
 * @param inputs.dy [batch, (output depth,) output height, output width, channels]
 * @param inputs.input [batch, (depth,) height, width, channels]: what was pooled
 */
export const maxPoolGrad: Kernel = ({ inputs, attrs, backend }) => {
  const { dy, input } = inputs as { dy: TensorInfo; input: TensorInfo };
  const wasm = backend as BackendWasm;
  const window = poolWindow(input.shape, attrs as unknown as PoolAttributes);
  const channels = window.channelsIn;
  const output = wasm.makeOutput(input.shape, "float32");
  const [from, x, dx] = [floats(wasm, dy), floats(wasm, input), floats(wasm, output)];
  dx.fill(0);
  eachPoolPosition(window, ({ output, inputs, count }) => {
    for (let channel = 0; channel < channels; channel++) {
      let greatest = -Infinity;
      let at = -1;
      for (let tap = 0; tap < count; tap++) {
        const candidate = inputs[tap]! + channel;
        const value = x[candidate]!;
        if (value > greatest) {
          greatest = value;
          at = candidate;
        }
      }
      // Where every input is NaN none is the greatest.
      if (at !== -1) dx[at]! += from[output + channel]!;
    }
  });
  return output;
};
