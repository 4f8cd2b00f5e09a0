import type { TensorInfo } from "@tensorflow/tfjs";
import { type BackendWasm, floats, type Kernel } from "./compose.ts";
import { isFinite } from "./finite.ts";
import { eachPoolPosition } from "./pool_positions.ts";
import { type PoolAttributes, poolWindow } from "./window.ts";

/**
 * AvgPool: XNNPACK's, except that NaN and infinities go where they belong.
 *
 * @param inputs.x [batch, height, width, channels], NHWC
 * @returns [batch, output height, output width, channels]
 */
export function avgPool(stock: Kernel): Kernel {
  return (args) => {
    const { x: input } = args.inputs as { x: TensorInfo };
    const backend = args.backend as BackendWasm;
    if (isFinite(backend, input)) return stock(args);
    const window = poolWindow(input.shape, args.attrs as unknown as PoolAttributes);
    const { batch, channelsIn: channels, output: [, height, width] } = window;
    const means = backend.makeOutput([batch, height, width, channels], "float32");
    const [x, y] = [floats(backend, input), floats(backend, means)];
    eachPoolPosition(window, ({ output, inputs, count }) => {
      for (let channel = 0; channel < channels; channel++) {
        let sum = 0;
        for (let tap = 0; tap < count; tap++) sum += x[inputs[tap]! + channel]!;
        y[output + channel] = sum / count;
      }
    });
    return means;
  };
}
