import * as tf from "@tensorflow/tfjs";
import type { BackendWasm, Kernel } from "./compose.ts";

/**
 * GatherV2: copies the slices that the indices name; an embedding's lookup. The stock kernel finds
 * each single element's place anew.
 *
 * @param inputs.x float32, int32 or bool
 * @param inputs.indices int32
 * @throws {RangeError} for an index outside of x's axis
 */
export const gatherV2: Kernel = ({ inputs, attrs, backend }) => {
  const { x, indices } = inputs as { x: tf.TensorInfo; indices: tf.TensorInfo };
  const { axis, batchDims } = attrs as unknown as { axis: number; batchDims: number };
  const wasm = backend as BackendWasm;
  const { batchSize, outerSize, dimSize, sliceSize, outputShape } = tf.backend_util.segment_util
    .collectGatherOpShapeInfo(
      x as tf.Tensor,
      indices as tf.Tensor,
      tf.util.parseAxisParam(axis, x.shape)[0]!,
      batchDims,
    );
  const output = wasm.makeOutput(outputShape, x.dtype);
  const [from, to] = [wasm.typedArrayFromHeap(x), wasm.typedArrayFromHeap(output)];
  const wanted = wasm.typedArrayFromHeap(indices);
  const perBatch = wanted.length / batchSize;
  const wrong = wanted.find((index) => !(index >= 0 && index < dimSize));
  if (wrong !== undefined) {
    wasm.disposeData(output.dataId);
    throw new RangeError(`GatherV2: the index value ${wrong} is not in [0, ${dimSize - 1}]`);
  }
  let at = 0;
  for (let batch = 0; batch < batchSize; batch++) {
    for (let outer = 0; outer < outerSize; outer++) {
      const start = (batch * outerSize + outer) * dimSize;
      for (let index = 0; index < perBatch; index++) {
        let source = (start + wanted[batch * perBatch + index]!) * sliceSize;
        for (const end = at + sliceSize; at < end; at++, source++) to[at] = from[source]!;
      }
    }
  }
  return output;
};
