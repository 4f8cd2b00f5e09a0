import type { TensorInfo } from "@tensorflow/tfjs";
import { lineCount, scatterPatches } from "./columns.ts";
import { type BackendWasm, compose, floats, withShape } from "./compose.ts";
import type { Window } from "./window.ts";

/** In bytes: a large image would need GBs. */
const PATCHES_LIMIT = 64 * 2 ** 20;

/**
 * The gradient of a convolution's input: each output's gradient times the filter, added to the
 * inputs under the filter. Any stride, dilation and number of dimensions.
 *
 * @param dy [batch, (depth,) height, width, channels out]
 * @param filter [(depth,) height, width, channels in, channels out]
 * @param limit Patches made at once, in bytes.
 * @returns [pixels of the input, channels in]
 */
export function inputGradient(
  backend: BackendWasm,
  window: Window,
  dy: TensorInfo,
  filter: TensorInfo,
  limit = PATCHES_LIMIT,
): TensorInfo {
  const { batch, channelsIn, channelsOut, input, output } = window;
  const patchSize = window.filter[0] * window.filter[1] * window.filter[2] * channelsIn;
  const lines = lineCount(window);
  const width = output[2];
  const perChunk = Math.max(1, Math.floor(limit / (patchSize * width * 4)));
  return compose(backend, ({ run, allocate, free }) => {
    const taps = run("Transpose", { x: withShape(filter, [patchSize, channelsOut]) }, {
      perm: [1, 0],
    });
    const dx = allocate([batch * input[0] * input[1] * input[2], channelsIn]);
    floats(backend, dx).fill(0);
    const dyLines = withShape(dy, [lines, width * channelsOut]);
    for (let first = 0; first < lines; first += perChunk) {
      const count = Math.min(perChunk, lines - first);
      const chunk = count === lines
        ? dyLines
        : run("Slice", { x: dyLines }, { begin: [first, 0], size: [count, width * channelsOut] });
      const patches = run("BatchMatMul", {
        a: withShape(chunk, [count * width, channelsOut]),
        b: taps,
      }, { transposeA: false, transposeB: false });
      scatterPatches(window, floats(backend, patches), floats(backend, dx), first, count);
      free(patches);
      if (chunk !== dyLines) free(chunk);
    }
    return dx;
  });
}
