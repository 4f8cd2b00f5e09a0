import * as tf from "@tensorflow/tfjs";
import { readValues } from "../backends/tensor_view.ts";
import { argMax } from "../data/labels.ts";
import type { MetricBatch } from "./metric.ts";

/** The classes of a batch and what the model says of them, on the host. */
export interface ClassScores {
  samples: number;
  classes: number;
  /** True class of each sample. */
  labels: Int32Array;
  /** Row-major scores, [samples, classes]. */
  scores: ArrayLike<number>;
}

/**
 * Reads targets as one-hot rows or class numbers, and predictions [batch, classes]. A single output
 * [batch, 1] is the score of class 1 of two.
 *
 * @throws {TypeError} for targets in several tensors, or shapes that do not fit.
 */
export function classScores({ yTrue, yPred }: MetricBatch): ClassScores {
  if (!(yTrue instanceof tf.Tensor)) throw new TypeError("it takes one tensor of targets");
  const samples = yPred.shape[0]!;
  const outputs = yPred.shape[1] ?? 1;
  const truth = readValues(yTrue);
  const predicted = readValues(yPred);
  const oneHot = yTrue.rank === 2 && yTrue.shape[1]! > 1;
  if (yPred.rank > 2 || (oneHot && yTrue.shape[1] !== outputs) || truth.length < samples) {
    throw new TypeError(`targets [${yTrue.shape}] do not fit predictions [${yPred.shape}]`);
  }
  const labels = Int32Array.from(
    { length: samples },
    (_, row) => oneHot ? argMax(truth, row * outputs, outputs) : Math.round(truth[row]!),
  );
  if (outputs > 1) return { samples, classes: outputs, labels, scores: predicted.slice() };
  const scores = new Float64Array(samples * 2);
  for (let row = 0; row < samples; row++) {
    scores[row * 2] = 1 - predicted[row]!;
    scores[row * 2 + 1] = predicted[row]!;
  }
  return { samples, classes: 2, labels, scores };
}
