import type { TensorInfo } from "@tensorflow/tfjs";
import { type BackendWasm, floats, type Kernel } from "./compose.ts";
import { eachPoolPosition } from "./pool_positions.ts";
import { type PoolAttributes, poolWindow } from "./window.ts";

/**
 * MaxPoolGrad and MaxPool3DGrad: the gradient goes to the first greatest input of each window, as
 * on cpu. The stock kernels search every window again for every input, many times slower.
 *
 * @param inputs.dy [batch, (output depth,) output height, output width, channels]
 * @param inputs.input [batch, (depth,) height, width, channels]: what was pooled
 * @param inputs.output The maxima, shaped as dy.
 */
export const maxPoolGrad: Kernel = ({ inputs, attrs, backend }) => {
  const { dy, input, output } = inputs as Record<"dy" | "input" | "output", TensorInfo>;
  const wasm = backend as BackendWasm;
  const window = poolWindow(input.shape, attrs as unknown as PoolAttributes);
  const channels = window.channelsIn;
  const gradient = wasm.makeOutput(input.shape, "float32");
  const [from, x, y, dx] = [dy, input, output, gradient].map((tensor) => floats(wasm, tensor)) as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  dx.fill(0);
  // What no input has taken yet. Taken by multiplication: a branch would be guessed wrong too often.
  const left = new Float32Array(channels);
  eachPoolPosition(window, ({ output, inputs, count }) => {
    for (let channel = 0; channel < channels; channel++) left[channel] = from[output + channel]!;
    for (let tap = 0; tap < count; tap++) {
      const at = inputs[tap]!;
      for (let channel = 0; channel < channels; channel++) {
        const isGreatest = x[at + channel] === y[output + channel];
        const taken = left[channel]! * Number(isGreatest);
        dx[at + channel]! += taken;
        left[channel]! -= taken;
      }
    }
  });
  return gradient;
};
