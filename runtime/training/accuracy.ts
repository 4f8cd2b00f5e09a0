import * as tf from "@tensorflow/tfjs";
import { readValues } from "../backends/tensor_view.ts";
import { argMax } from "../data/labels.ts";
import type { TensorOrRecord } from "../job_definition.ts";

/** How a prediction is told right from wrong; null where there are no classes. */
export type AccuracyKind = "one_hot" | "sparse" | "binary" | null;

/**
 * How accuracy is counted for a loss and the shapes it is given.
 *
 * @param loss Name of the loss; of a function of the module's own, any other name.
 * @param yTrue Shape of the targets, [batch, ...].
 * @param yPred Shape of the predictions, [batch, ...].
 */
export function accuracyKind(
  loss: string,
  yTrue: readonly number[],
  yPred: readonly number[],
): AccuracyKind {
  if (loss === "meanSquaredError" || loss === "meanAbsoluteError") return null;
  const classes = yPred.length === 2 ? yPred[1]! : 1;
  const sparse = yTrue.length === 1 || (yTrue.length === 2 && yTrue[1] === 1);
  if (loss === "binaryCrossentropy") return classes === 1 && sparse ? "binary" : null;
  if (classes === 1) return null;
  if (sparse) return "sparse";
  return yTrue.length === 2 && yTrue[1] === classes ? "one_hot" : null;
}

/**
 * How many of a batch are predicted right, read from memory without a kernel. The predicted class
 * is the largest output; one output is class 1 above 0.5.
 *
 * @param loss Name of the loss, where known. For an unknown one the targets themselves must be
 * classes: one-hot rows or whole numbers below the count of outputs.
 * @returns null where accuracy means nothing, as for a regression.
 */
export function countCorrect(
  yTrue: TensorOrRecord,
  yPred: tf.Tensor,
  loss = "unknown",
): number | null {
  if (!(yTrue instanceof tf.Tensor)) return null;
  const kind = accuracyKind(loss, yTrue.shape, yPred.shape);
  if (kind === null) return null;
  const truth = readValues(yTrue);
  const predicted = readValues(yPred);
  const samples = yPred.shape[0]!;
  if (kind === "binary") return countBinary(truth, predicted);
  const classes = yPred.shape[1]!;
  let correct = 0;
  for (let row = 0; row < samples; row++) {
    const answer = argMax(predicted, row * classes, classes);
    if (kind === "sparse") {
      if (!isClass(truth[row]!, classes)) return null;
      if (truth[row] === answer) correct++;
    } else {
      if (loss === "unknown" && !isOneHot(truth, row * classes, classes)) return null;
      if (argMax(truth, row * classes, classes) === answer) correct++;
    }
  }
  return correct;
}

function countBinary(truth: ArrayLike<number>, predicted: ArrayLike<number>): number {
  let correct = 0;
  for (let row = 0; row < predicted.length; row++) {
    if ((truth[row]! > 0.5) === (predicted[row]! > 0.5)) correct++;
  }
  return correct;
}

function isClass(value: number, classes: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < classes;
}

function isOneHot(values: ArrayLike<number>, from: number, width: number): boolean {
  let ones = 0;
  for (let at = from; at < from + width; at++) {
    if (values[at] === 1) ones++;
    else if (values[at] !== 0) return false;
  }
  return ones === 1;
}
