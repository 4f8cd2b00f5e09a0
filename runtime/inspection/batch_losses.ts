import * as tf from "@tensorflow/tfjs";
import type { Batch } from "../data/dataset.ts";
import type { TensorOrRecord } from "../job_definition.ts";
import type { ResolvedLoss } from "../training/losses.ts";

/**
 * The losses of one batch, [count]; `split`: the loss answers a scalar, so that it was asked for one
 * sample at a time.
 *
 * @param indices Of the batch's samples in their dataset.
 */
export function batchLosses(
  loss: ResolvedLoss,
  { xs, ys }: Batch,
  predictions: tf.Tensor,
  indices: Int32Array,
  training = false,
): { values: Float32Array; split: boolean } {
  return tf.tidy(() => {
    const values = loss.perSample(ys, predictions, { xs, indices, training });
    if (values !== null) {
      return { values: values.as1D().dataSync<"float32">().slice(), split: false };
    }
    const one = (_: number, sample: number) => {
      const only = (tensor: tf.Tensor) => tensor.slice(sample, 1);
      return tf.tidy(() => {
        const seen = {
          xs: mapTensors(xs, only),
          indices: indices.slice(sample, sample + 1),
          training,
        };
        const [target, prediction] = [mapTensors(ys, only), only(predictions)];
        return loss.mean(target, prediction, undefined, seen).dataSync()[0]!;
      });
    };
    return { values: Float32Array.from(indices, one), split: true };
  });
}

function mapTensors(
  tensors: TensorOrRecord,
  map: (tensor: tf.Tensor) => tf.Tensor,
): TensorOrRecord {
  if (tensors instanceof tf.Tensor) return map(tensors);
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, map(tensor)]));
}
