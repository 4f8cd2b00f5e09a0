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
      losses.set(lossesOfBatch(handle, loss, batch, count), first);
    } finally {
      tf.dispose([batch.xs, batch.ys, batch.weights ?? []]);
    }
    onProgress?.(first + count, total);
    await hooks.yield?.();
  }
  return losses;
}

function lossesOfBatch(
  handle: ModelHandle,
  loss: ResolvedLoss,
  { xs, ys }: Batch,
  count: number,
): Float32Array {
  return tf.tidy(() => {
    const predictions = handle.apply(xs, false);
    const values = loss.perSample(ys, predictions);
    if (values !== null) return values.as1D().dataSync<"float32">().slice();
    return Float32Array.from({ length: count }, (_, sample) => {
      const only = (tensor: tf.Tensor) => tensor.slice(sample, 1);
      return tf.tidy(() => loss.mean(mapTensors(ys, only), only(predictions)).dataSync()[0]!);
    });
  });
}

function mapTensors(
  tensors: TensorOrRecord,
  map: (tensor: tf.Tensor) => tf.Tensor,
): TensorOrRecord {
  if (tensors instanceof tf.Tensor) return map(tensors);
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, map(tensor)]));
}
