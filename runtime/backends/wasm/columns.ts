import { insideLine, type Window } from "./window.ts";

/**
 * A convolution as a matrix product ("im2col": Chellapilla, Puri, Simard, 2006). Columns are the
 * inputs under the filter: one row of the matrix a tap and channel, one column an output position.
 * Output positions are told as lines: line `l` is the (l mod height)-th row of pixels of an output
 * plane, planes in the order batch, depth.
 */

/** Lines of output that a window has. */
export function lineCount({ batch, output }: Window): number {
  return batch * output[0] * output[1];
}

/**
 * Gathers the inputs of some lines.
 *
 * @param x [channels, batch, depth, height, width]: channels first, so that a line is contiguous
 * @param columns [taps, channels, lines, output width], written whole
 * @param first The first line.
 * @param count How many lines.
 */
export function gatherColumns(
  window: Window,
  x: Float32Array,
  columns: Float32Array,
  first: number,
  count: number,
): void {
  const { batch, channelsIn, input: [depth, height, width], filter, dilation, pad } = window;
  const channelSize = batch * depth * height * width;
  const rows = new Int32Array(count);
  let to = 0;
  for (let tapZ = 0; tapZ < filter[0]; tapZ++) {
    for (let tapY = 0; tapY < filter[1]; tapY++) {
      const shiftZ = tapZ * dilation[0] - pad[0];
      rowsUnderTap(window, shiftZ, tapY * dilation[1] - pad[1], first, rows);
      for (let tapX = 0; tapX < filter[2]; tapX++) {
        const shift = tapX * dilation[2] - pad[2];
        for (let channel = 0; channel < channelsIn; channel++) {
          to = gatherRows(window, x, channel * channelSize, rows, shift, columns, to);
        }
      }
    }
  }
}

/**
 * Which row of the input a tap sees from each line, counted over all images and planes; -1 where it
 * sees padding.
 *
 * @param shiftZ Planes from a line to what the tap sees.
 * @param shiftY Rows, likewise.
 * @param first The first line.
 * @param rows Written: one row a line.
 */
function rowsUnderTap(
  { input: [depth, height], output: [outDepth, outHeight], stride }: Window,
  shiftZ: number,
  shiftY: number,
  first: number,
  rows: Int32Array,
): void {
  for (let at = 0; at < rows.length; at++) {
    const plane = Math.floor((first + at) / outHeight);
    const image = Math.floor(plane / outDepth);
    const y = (first + at - plane * outHeight) * stride[1] + shiftY;
    const z = (plane - image * outDepth) * stride[0] + shiftZ;
    const outside = z < 0 || z >= depth || y < 0 || y >= height;
    rows[at] = outside ? -1 : (image * depth + z) * height + y;
  }
}

/** Writes what a tap sees of one channel, line by line; returns where the next column row begins. */
function gatherRows(
  window: Window,
  x: Float32Array,
  channel: number,
  rows: Int32Array,
  shift: number,
  columns: Float32Array,
  start: number,
): number {
  const { input: [, , width], output: [, , outWidth], stride: [, , step] } = window;
  const [from, end] = insideLine(window, shift);
  const isPadded = from > 0 || end < outWidth;
  let to = start;
  for (let line = 0; line < rows.length; line++, to += outWidth) {
    const row = rows[line]!;
    if (row === -1 || isPadded) columns.fill(0, to, to + outWidth);
    if (row === -1) continue;
    let source = channel + row * width + shift + from * step;
    for (let at = to + from; at < to + end; at++, source += step) columns[at] = x[source]!;
  }
  return to;
}

/**
 * Gathers the inputs of some lines, position by position.
 *
 * @param x [batch, depth, height, width, channels]
 * @param patches [lines, output width, taps, channels], written whole
 * @param first The first line.
 * @param count How many lines.
 */
export function gatherPatches(
  window: Window,
  x: Float32Array,
  patches: Float32Array,
  first: number,
  count: number,
): void {
  const { channelsIn } = window;
  patches.fill(0);
  eachRun(window, first, count, (input, inputStep, patch, patchStep, length) => {
    for (let at = 0; at < length; at++, input += inputStep, patch += patchStep) {
      for (let channel = 0; channel < channelsIn; channel++) {
        patches[patch + channel] = x[input + channel]!;
      }
    }
  });
}

/**
 * Adds the gradients of some lines' inputs to where the inputs came from.
 *
 * @param patches [lines, output width, taps, channels]
 * @param dx [batch, depth, height, width, channels], added to
 * @param first The first line.
 * @param count How many lines.
 */
export function scatterPatches(
  window: Window,
  patches: Float32Array,
  dx: Float32Array,
  first: number,
  count: number,
): void {
  const { channelsIn } = window;
  eachRun(window, first, count, (input, inputStep, patch, patchStep, length) => {
    for (let at = 0; at < length; at++, input += inputStep, patch += patchStep) {
      for (let channel = 0; channel < channelsIn; channel++) {
        dx[input + channel]! += patches[patch + channel]!;
      }
    }
  });
}

/** Visits what one tap sees along one line, without padding: where it is in x and in the patches. */
function eachRun(
  window: Window,
  first: number,
  count: number,
  visit: (
    input: number,
    inputStep: number,
    patch: number,
    patchStep: number,
    length: number,
  ) => void,
): void {
  const { channelsIn, input: [depth, height, width], filter, dilation } = window;
  const [outDepth, outHeight, outWidth] = window.output;
  const patchStep = filter[0] * filter[1] * filter[2] * channelsIn;
  const inputStep = window.stride[2] * channelsIn;
  for (let line = first; line < first + count; line++) {
    const plane = Math.floor(line / outHeight);
    const image = Math.floor(plane / outDepth);
    const top = (line - plane * outHeight) * window.stride[1] - window.pad[1];
    const front = (plane - image * outDepth) * window.stride[0] - window.pad[0];
    let tap = (line - first) * outWidth * patchStep;
    for (let tapZ = 0; tapZ < filter[0]; tapZ++) {
      const z = front + tapZ * dilation[0];
      for (let tapY = 0; tapY < filter[1]; tapY++) {
        const y = top + tapY * dilation[1];
        const outside = z < 0 || z >= depth || y < 0 || y >= height;
        for (let tapX = 0; tapX < filter[2]; tapX++, tap += channelsIn) {
          if (outside) continue;
          const shift = tapX * dilation[2] - window.pad[2];
          const [start, end] = insideLine(window, shift);
          const input = (((image * depth + z) * height + y) * width + shift) * channelsIn +
            start * inputStep;
          visit(input, inputStep, tap + start * patchStep, patchStep, end - start);
        }
      }
    }
  }
}
