import * as tf from "@tensorflow/tfjs";
import type { Batch } from "../data/dataset.ts";
import { readValues } from "../backends/tensor_view.ts";
import { countCorrect } from "./accuracy.ts";
import { batchWeight } from "./batch_weight.ts";
import { lossGradients } from "./backward.ts";
import type { TrainingRun } from "./training_run.ts";

/**
 * Loss and gradients of one batch, by position of the trainable weights; null where none flows.
 * The gradients are those of the loss times the scale of the run's scaler.
 */
export interface BatchGradients {
  /** Mean over the samples. */
  loss: number;
  /** Samples predicted right; null where the loss has no classes. */
  correct: number | null;
  samples: number;
  /** What the batch counts for: the sum of its weights, or its samples. */
  weight: number;
  gradients: (tf.Tensor | null)[];
}

/**
 * Forward and backward pass of one batch, in training mode. The gradients are the caller's.
 *
 * @param indices Positions of the batch's samples in the training split, for a loss that asks.
 */
export function batchGradients(
  { handle, loss, scaler, sample }: TrainingRun,
  batch: Batch,
  indices: Int32Array = new Int32Array(),
): BatchGradients {
  let predictions: tf.Tensor | undefined;
  let mean: tf.Scalar | undefined;
  const { value, gradients } = lossGradients(() => {
    predictions = tf.keep(handle.apply(batch.xs, true));
    const seen = { xs: batch.xs, indices, training: true };
    mean = tf.keep(loss.mean(batch.ys, predictions, batch.weights, seen));
    return scaler.scale(mean);
  }, handle.trainable);
  const samples = predictions!.shape[0] ?? 1;
  const result = {
    // Not `value` over the scale: a scaled loss may overflow where the loss itself is finite.
    loss: readValues(mean!)[0]!,
    correct: countCorrect(batch.ys, predictions!, loss.name),
    samples,
    weight: batchWeight(batch, samples),
    gradients,
  };
  sample?.see(batch.ys, predictions!, loss.name);
  for (const tensor of [value, mean!, predictions!]) tensor.dispose();
  return result;
}

/**
 * Adds up batches as if they had been one: means weighted by what each counts for. The parts'
 * gradients are disposed.
 */
export function sumGradients(parts: readonly BatchGradients[]): BatchGradients {
  const [only] = parts;
  if (parts.length === 1) return only!;
  const samples = parts.reduce((sum, part) => sum + part.samples, 0);
  const weight = parts.reduce((sum, part) => sum + part.weight, 0);
  const weighted = (of: (part: BatchGradients) => number) =>
    parts.reduce((sum, part) => sum + of(part) * (part.weight / weight), 0);
  const gradients = only!.gradients.map((_, position) =>
    tf.tidy(() => {
      const shares = parts.flatMap(({ gradients, weight: share }) => {
        const gradient = gradients[position] ?? null;
        return gradient === null ? [] : [tf.mul(gradient, share / weight)];
      });
      return shares.length === 0 ? [] : [tf.addN(shares)];
    })[0] ?? null
  );
  for (const part of parts) tf.dispose(part.gradients.filter((gradient) => gradient !== null));
  const counts = parts.map(({ correct }) => correct);
  return {
    loss: weighted(({ loss }) => loss),
    correct: counts.some((count) => count === null)
      ? null
      : counts.reduce<number>((sum, count) => sum + count!, 0),
    samples,
    weight,
    gradients,
  };
}
