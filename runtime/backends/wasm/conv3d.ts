import type { TensorInfo } from "@tensorflow/tfjs";
import { gatherPatches, lineCount } from "./columns.ts";
import { type BackendWasm, compose, floats, type Kernel, withShape } from "./compose.ts";
import { type Conv3DAttributes, window3D } from "./window.ts";

/** Patches made at once, in bytes. */
const PATCHES_LIMIT = 64 * 2 ** 20;

/**
 * Conv3D: patches of x times the filter. The stock kernel is a scalar loop.
 *
 * @param inputs.x [batch, depth, height, width, channels in], NDHWC
 * @param inputs.filter [depth, height, width, channels in, channels out]
 * @returns [batch, output depth, output height, output width, channels out]
 */
export const conv3D: Kernel = ({ inputs, attrs, backend }) => {
  const { x, filter } = inputs as { x: TensorInfo; filter: TensorInfo };
  const wasm = backend as BackendWasm;
  const window = window3D(x.shape, filter.shape, attrs as unknown as Conv3DAttributes);
  const { batch, channelsIn, channelsOut, output } = window;
  const patchSize = window.filter[0] * window.filter[1] * window.filter[2] * channelsIn;
  const lines = lineCount(window);
  const width = output[2];
  const perChunk = Math.max(1, Math.floor(PATCHES_LIMIT / (patchSize * width * 4)));
  const result = compose(wasm, ({ run, allocate, free }) => {
    const weights = withShape(filter, [patchSize, channelsOut]);
    const products: TensorInfo[] = [];
    for (let first = 0; first < lines; first += perChunk) {
      const count = Math.min(perChunk, lines - first);
      const patches = allocate([count * width, patchSize]);
      gatherPatches(window, floats(wasm, x), floats(wasm, patches), first, count);
      products.push(run("BatchMatMul", { a: patches, b: weights }, {
        transposeA: false,
        transposeB: false,
      }));
      free(patches);
    }
    return products.length === 1 ? products[0]! : run("Concat", products, { axis: 0 });
  });
  return withShape(result, [batch, ...output, channelsOut]);
};
