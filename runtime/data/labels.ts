import * as tf from "@tensorflow/tfjs";
import { readValues } from "../backends/tensor_view.ts";
import type { Dataset } from "./dataset.ts";

const ROWS_AT_ONCE = 1024;

/**
 * The class of every sample: the largest entry of a one-hot row [classes], or the whole number of
 * a row [] or [1].
 *
 * @throws {TypeError} when `batch()` answers with a promise, or targets are no classes.
 */
export function labelsOf(dataset: Dataset): Int32Array {
  if (dataset.labels !== undefined) return dataset.labels;
  const labels = new Int32Array(dataset.length);
  for (let first = 0; first < dataset.length; first += ROWS_AT_ONCE) {
    const count = Math.min(ROWS_AT_ONCE, dataset.length - first);
    const batch = dataset.batch(Int32Array.from({ length: count }, (_, row) => first + row));
    if (batch instanceof Promise) {
      throw new TypeError("labels can only be read from a dataset whose batch() answers at once");
    }
    try {
      labels.set(classesOf(batch.ys), first);
    } finally {
      tf.dispose([batch.xs, batch.ys, batch.weights ?? []]);
    }
  }
  return labels;
}

function classesOf(ys: tf.Tensor | Record<string, tf.Tensor>): Int32Array {
  if (!(ys instanceof tf.Tensor) || ys.rank > 2) {
    throw new TypeError("labels need one tensor of targets: [samples], or [samples, classes]");
  }
  const values = readValues(ys);
  const width = ys.shape[1] ?? 1;
  return Int32Array.from({ length: ys.shape[0]! }, (_, row) => {
    const label = width === 1 ? values[row]! : argMax(values, row * width, width);
    if (!Number.isInteger(label)) {
      throw new TypeError(`the target of a sample is ${label}, which is no class`);
    }
    return label;
  });
}

/** Position of the first largest of `width` values that begin at `from`, counted from there. */
export function argMax(values: ArrayLike<number>, from: number, width: number): number {
  let best = 0;
  for (let at = 1; at < width; at++) if (values[from + at]! > values[from + best]!) best = at;
  return best;
}
