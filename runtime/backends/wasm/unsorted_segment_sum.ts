import * as tf from "@tensorflow/tfjs";
import type { BackendWasm, Kernel } from "./compose.ts";

/**
 * UnsortedSegmentSum: sums the slices of x that carry the same id; the gradient of an embedding and
 * of every `tf.gather`. Slices are added in their order. An id outside the segments is left out.
 *
 * @param inputs.x [ids, ...], float32 or int32
 * @param inputs.segmentIds int32, as many as x's first dimension
 * @param attrs.numSegments The first dimension of the result, [segments, ...].
 */
export const unsortedSegmentSum: Kernel = ({ inputs, attrs, backend }) => {
  const { x, segmentIds } = inputs as { x: tf.TensorInfo; segmentIds: tf.TensorInfo };
  const { numSegments } = attrs as unknown as { numSegments: number };
  const wasm = backend as BackendWasm;
  const slice = x.shape.slice(segmentIds.shape.length);
  const size = tf.util.sizeFromShape(slice);
  const output = wasm.makeOutput([numSegments, ...slice], x.dtype);
  const values = wasm.typedArrayFromHeap(x);
  const ids = wasm.typedArrayFromHeap(segmentIds);
  const sums = wasm.typedArrayFromHeap(output);
  sums.fill(0);
  for (let at = 0, from = 0; at < ids.length; at++, from += size) {
    const segment = ids[at]!;
    if (segment < 0 || segment >= numSegments) continue;
    const to = segment * size;
    for (let element = 0; element < size; element++) {
      sums[to + element]! += values[from + element]!;
    }
  }
  return output;
};
