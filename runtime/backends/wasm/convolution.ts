import type { TensorInfo } from "@tensorflow/tfjs";
import { gatherPatches, lineCount } from "./columns.ts";
import { type BackendWasm, compose, floats, withShape } from "./compose.ts";
import type { Window } from "./window.ts";

/** In bytes: a large image would need GBs. */
const PATCHES_LIMIT = 64 * 2 ** 20;

/**
 * A convolution as patches of x times the filter.
 *
 * @param x [batch, (depth,) height, width, channels in]
 * @param filter [(depth,) height, width, channels in, channels out]
 * @param limit Patches made at once, in bytes.
 * @returns [pixels of the output, channels out]
 */
export function convolve(
  backend: BackendWasm,
  window: Window,
  x: TensorInfo,
  filter: TensorInfo,
  limit = PATCHES_LIMIT,
): TensorInfo {
  const { channelsIn, channelsOut, output: [, , width] } = window;
  const patchSize = window.filter[0] * window.filter[1] * window.filter[2] * channelsIn;
  const lines = lineCount(window);
  const perChunk = Math.max(1, Math.floor(limit / (patchSize * width * 4)));
  return compose(backend, ({ run, allocate, free }) => {
    const weights = withShape(filter, [patchSize, channelsOut]);
    const products: TensorInfo[] = [];
    for (let first = 0; first < lines; first += perChunk) {
      const count = Math.min(perChunk, lines - first);
      const patches = allocate([count * width, patchSize]);
      gatherPatches(window, floats(backend, x), floats(backend, patches), first, count);
      products.push(run("BatchMatMul", { a: patches, b: weights }, {
        transposeA: false,
        transposeB: false,
      }));
      free(patches);
    }
    return products.length === 1 ? products[0]! : run("Concat", products, { axis: 0 });
  });
}
