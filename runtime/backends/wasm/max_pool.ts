import type { TensorInfo } from "@tensorflow/tfjs";
import { type BackendWasm, floats, type Kernel } from "./compose.ts";
import { isFinite } from "./finite.ts";
import { eachPoolPosition } from "./pool_positions.ts";
import { type PoolAttributes, poolWindow } from "./window.ts";

/**
 * MaxPool and MaxPool3D: the stock kernels, except that a window with NaN in it gives NaN. Stock wasm
 * makes -Infinity of it, which a relu then makes 0, and cpu leaves NaN out.
 *
 * @param inputs.x [batch, (depth,) height, width, channels]
 * @returns [batch, (output depth,) output height, output width, channels]
 */
export function maxPool(stock: Kernel): Kernel {
  return (args) => {
    const { x: input } = args.inputs as { x: TensorInfo };
    const backend = args.backend as BackendWasm;
    if (isFinite(backend, input)) return stock(args);
    const window = poolWindow(input.shape, args.attrs as unknown as PoolAttributes);
    const { batch, channelsIn: channels } = window;
    const places = input.shape.length === 5 ? window.output : window.output.slice(1);
    const maxima = backend.makeOutput([batch, ...places, channels], "float32");
    const [x, y] = [floats(backend, input), floats(backend, maxima)];
    eachPoolPosition(window, ({ output, inputs, count }) => {
      for (let channel = 0; channel < channels; channel++) {
        let greatest = -Infinity;
        for (let tap = 0; tap < count; tap++) {
          greatest = Math.max(greatest, x[inputs[tap]! + channel]!);
        }
        y[output + channel] = greatest;
      }
    });
    return maxima;
  };
}
