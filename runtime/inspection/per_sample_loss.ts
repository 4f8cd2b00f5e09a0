import * as tf from "@tensorflow/tfjs";
import type { Batch, Dataset } from "../data/dataset.ts";
import type { TensorOrRecord } from "../job_definition.ts";
import type { ResolvedLoss } from "../training/losses.ts";
import type { ModelHandle } from "../training/model_handle.ts";

/** What {@linkcode perSampleLosses} scans, and how. */
export interface PerSampleLossArguments {
  handle: ModelHandle;
  loss: ResolvedLoss;
  dataset: Dataset;
  /** Samples to scan, in this order; without it the whole dataset in its own. */
  indices?: Int32Array;
  /** Samples at once. */
  batchSize: number;
  /** Told after each batch. */
  onProgress?: (done: number, total: number) => void;
  /** Awaited after each batch, so that commands and other work get their turn. */
  yield?: () => Promise<void>;
  signal?: AbortSignal;
}

/**
 * The loss of each sample in inference mode, in order, without sample weights. A loss that only
 * answers a scalar is asked for one sample at a time.
 *
 * @throws The signal's reason, once it has aborted.
 */
export async function perSampleLosses(
  { handle, loss, dataset, indices, batchSize, onProgress, signal, ...hooks }:
    PerSampleLossArguments,
): Promise<Float32Array> {
  const total = indices?.length ?? dataset.length;
  const losses = new Float32Array(total);
  for (let first = 0; first < total; first += batchSize) {
    signal?.throwIfAborted();
    const count = Math.min(batchSize, total - first);
    const wanted = indices?.slice(first, first + count) ??
      Int32Array.from({ length: count }, (_, offset) => first + offset);
    const batch = await dataset.batch(wanted);
    try {
      const values = tf.tidy(() =>
        batchLosses(loss, batch, handle.apply(batch.xs, false), wanted).values
      );
      losses.set(values, first);
    } finally {
      tf.dispose([batch.xs, batch.ys, batch.weights ?? []]);
    }
    onProgress?.(first + count, total);
    await hooks.yield?.();
  }
  return losses;
}

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
