import * as tf from "@tensorflow/tfjs";
import { readValues } from "../backends/tensor_view.ts";
import { argMax } from "../data/labels.ts";
import type { TensorOrRecord } from "../job_definition.ts";
import { type AccuracyKind, accuracyKind } from "../training/accuracy.ts";

/** How predictions become classes: from which targets, over how many, and what the outputs are. */
export interface OutcomeForm {
  kind: Exclude<AccuracyKind, null>;
  classes: number;
  outputs: "probabilities" | "logits";
}

/** What the model says of each sample of a batch. NaN outputs predict class -1. */
export interface Outcomes {
  label: Int32Array;
  prediction: Int32Array;
  /** Largest probability. */
  confidence: Float32Array;
  /** Probability of the label less the largest of the others: below 0 where it is wrong. */
  margin: Float32Array;
  /**
   * Length of (probabilities - one-hot label): the error L2-norm, which stands for the length of a
   * sample's gradient. M. Paul et al., "Deep Learning on a Data Diet" (2021).
   */
  el2n: Float32Array;
}

/**
 * How the classes of a loss are read; null where it has none. Outputs of a function's own are
 * probabilities where each row of this batch is one, and logits otherwise.
 */
export function outcomeForm(
  loss: string,
  yTrue: TensorOrRecord,
  yPred: tf.Tensor,
): OutcomeForm | null {
  if (!(yTrue instanceof tf.Tensor)) return null;
  const kind = accuracyKind(loss, yTrue.shape, yPred.shape);
  if (kind === null) return null;
  const classes = kind === "binary" ? 2 : yPred.shape[1]!;
  if (loss === "custom" && !holdsClasses(readValues(yTrue), kind, classes)) return null;
  const logits = loss === "softmaxCrossEntropy" ||
    (loss === "custom" && !holdsProbabilities(readValues(yPred), classes));
  return { kind, classes, outputs: logits ? "logits" : "probabilities" };
}

/** Reads a batch, on the host: no kernel runs. */
export function outcomesOf(form: OutcomeForm, yTrue: tf.Tensor, yPred: tf.Tensor): Outcomes {
  const { kind, classes } = form;
  const samples = yPred.shape[0]!;
  const truth = readValues(yTrue);
  const scores = readValues(yPred);
  const outcomes: Outcomes = {
    label: new Int32Array(samples),
    prediction: new Int32Array(samples),
    confidence: new Float32Array(samples),
    margin: new Float32Array(samples),
    el2n: new Float32Array(samples),
  };
  const row = new Float64Array(classes);
  for (let sample = 0; sample < samples; sample++) {
    readRow(form, scores, sample, row);
    outcomes.label[sample] = kind === "one_hot"
      ? argMax(truth, sample * classes, classes)
      : Number(kind === "binary" ? truth[sample]! > 0.5 : truth[sample]!);
    judge(outcomes, sample, row);
  }
  return outcomes;
}

/** Probabilities of each class, [samples, classes], on the host: no kernel runs. */
export function probabilitiesOf(form: OutcomeForm, yPred: tf.Tensor): Float32Array {
  const samples = yPred.shape[0]!;
  const scores = readValues(yPred);
  const probabilities = new Float32Array(samples * form.classes);
  const row = new Float64Array(form.classes);
  for (let sample = 0; sample < samples; sample++) {
    readRow(form, scores, sample, row);
    probabilities.set(row, sample * form.classes);
  }
  return probabilities;
}

/** The probabilities of one sample. */
function readRow(
  { kind, classes, outputs }: OutcomeForm,
  scores: ArrayLike<number>,
  sample: number,
  row: Float64Array,
): void {
  if (kind === "binary") {
    row[1] = scores[sample]!;
    row[0] = 1 - row[1];
    return;
  }
  for (let at = 0; at < classes; at++) row[at] = scores[sample * classes + at]!;
  if (outputs === "logits") softmax(row);
}

function judge(outcomes: Outcomes, sample: number, row: Float64Array): void {
  const label = outcomes.label[sample]!;
  let [best, other, squares] = [0, -Infinity, 0];
  for (let at = 0; at < row.length; at++) {
    const probability = row[at]!;
    if (probability > row[best]!) best = at;
    if (at !== label && probability > other) other = probability;
    squares += (probability - Number(at === label)) ** 2;
  }
  const broken = Number.isNaN(squares);
  outcomes.prediction[sample] = broken ? -1 : best;
  outcomes.confidence[sample] = broken ? NaN : row[best]!;
  outcomes.margin[sample] = broken ? NaN : row[label]! - other;
  outcomes.el2n[sample] = Math.sqrt(squares);
}

function softmax(row: Float64Array): void {
  const largest = row.reduce((max, value) => Math.max(max, value), -Infinity);
  let total = 0;
  for (let at = 0; at < row.length; at++) total += row[at] = Math.exp(row[at]! - largest);
  for (let at = 0; at < row.length; at++) row[at]! /= total;
}

function holdsClasses(
  values: ArrayLike<number>,
  kind: OutcomeForm["kind"],
  classes: number,
): boolean {
  const all = Array.from(values);
  if (kind === "one_hot") return all.every((value) => value === 0 || value === 1);
  return all.every((value) => Number.isInteger(value) && value >= 0 && value < classes);
}

function holdsProbabilities(values: ArrayLike<number>, classes: number): boolean {
  for (let first = 0; first < values.length; first += classes) {
    let sum = 0;
    for (let at = first; at < first + classes; at++) {
      if (values[at]! < 0) return false;
      sum += values[at]!;
    }
    if (Math.abs(sum - 1) > 1e-3) return false;
  }
  return true;
}
