import type { TensorInfo } from "@tensorflow/tfjs";
import { gatherColumns, lineCount } from "./columns.ts";
import { type BackendWasm, compose, floats, withShape } from "./compose.ts";
import type { Window } from "./window.ts";

/** In bytes: more would not be faster, and a large image would need GBs. */
const COLUMNS_LIMIT = 64 * 2 ** 20;

/**
 * The gradient of a convolution's filter: columns of x times dy, so that XNNPACK does the work.
 *
 * @param x [batch, (depth,) height, width, channels in]
 * @param dy [batch, (depth,) height, width, channels out]
 * @param limit Columns made at once, in bytes.
 * @returns [taps x channels in, channels out]
 */
export function filterGradient(
  backend: BackendWasm,
  window: Window,
  x: TensorInfo,
  dy: TensorInfo,
  limit = COLUMNS_LIMIT,
): TensorInfo {
  const { batch, channelsIn, channelsOut, input, output, filter } = window;
  const columnRows = filter[0] * filter[1] * filter[2] * channelsIn;
  const pixels = batch * input[0] * input[1] * input[2];
  const lines = lineCount(window);
  const width = output[2];
  const perChunk = Math.max(1, Math.floor(limit / (columnRows * width * 4)));
  return compose(backend, ({ run, allocate, free }) => {
    const channelsFirst = run("Transpose", { x: withShape(x, [pixels, channelsIn]) }, {
      perm: [1, 0],
    });
    const dyLines = withShape(dy, [lines, width * channelsOut]);
    let total: TensorInfo | undefined;
    for (let first = 0; first < lines; first += perChunk) {
      const count = Math.min(perChunk, lines - first);
      const chunk = count === lines
        ? dyLines
        : run("Slice", { x: dyLines }, { begin: [first, 0], size: [count, width * channelsOut] });
      const columns = allocate([columnRows, count * width]);
      gatherColumns(window, floats(backend, channelsFirst), floats(backend, columns), first, count);
      const product = run("BatchMatMul", {
        a: columns,
        b: withShape(chunk, [count * width, channelsOut]),
      }, { transposeA: false, transposeB: false });
      free(columns);
      if (chunk !== dyLines) free(chunk);
      total = total === undefined ? product : run("Add", { a: total, b: product });
    }
    return total!;
  });
}
