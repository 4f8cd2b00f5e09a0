import * as tf from "@tensorflow/tfjs";
import type { Dataset } from "../../data/dataset.ts";
import type { ModelHandle } from "../../training/model_handle.ts";
import { outcomeForm, outcomesOf, probabilitiesOf } from "../outcomes.ts";
import type { Probabilities } from "./confident_learning.ts";

/** Probabilities that are held at once: 200 MB. */
const MOST_HELD = 50_000_000;

/** Samples, or a model, whose labels nobody can judge. */
export class LabelEvidenceError extends Error {
  override name = "LabelEvidenceError";
}

/** What some samples are labelled, and what a model makes of them. */
export class LabelTable {
  probabilities: Probabilities | null = null;
  readonly label: Int32Array;

  /** @param count Samples. */
  constructor(readonly count: number) {
    this.label = new Int32Array(count);
  }

  /** Takes in a batch of the samples at these places. */
  add(rows: Int32Array, classes: number, values: Float32Array, label: Int32Array): void {
    if (this.count * classes > MOST_HELD) {
      throw new LabelEvidenceError(
        `mislabelled: probabilities of ${classes} classes for ${this.count} samples are more than ` +
          `${MOST_HELD} numbers; look at a selection of the samples in a fork`,
      );
    }
    const { count } = this;
    this.probabilities ??= { count, classes, values: new Float32Array(count * classes).fill(NaN) };
    rows.forEach((row, at) => {
      this.label[row] = label[at]!;
      this.probabilities!.values.set(
        values.subarray(at * classes, (at + 1) * classes),
        row * classes,
      );
    });
  }
}

/** Whose predictions go where. */
export interface PredictArguments {
  handle: ModelHandle;
  /** Name of the loss, which says how outputs are read. */
  loss: string;
  dataset: Dataset;
  /** Position in the dataset of each row of the table. */
  positions: Int32Array;
  /** Rows of the table that are predicted. */
  rows: Int32Array;
  batchSize: number;
  onBatch?: ((done: number, total: number) => Promise<void>) | undefined;
}

/**
 * Fills rows of a table with what a model, in inference mode, makes of their samples.
 *
 * @throws {LabelEvidenceError} where there are no classes, or too many to hold.
 */
export async function predictInto(table: LabelTable, predict: PredictArguments): Promise<void> {
  const { handle, loss, dataset, positions, rows, batchSize, onBatch } = predict;
  for (let first = 0; first < rows.length; first += batchSize) {
    const some = rows.slice(first, first + batchSize);
    const { xs, ys, weights } = await dataset.batch(some.map((row) => positions[row]!));
    try {
      tf.tidy(() => {
        const predictions = handle.apply(xs, false);
        const form = outcomeForm(loss, ys, predictions);
        if (form === null) {
          throw new LabelEvidenceError(
            "mislabelled: the loss tells no classes apart, so there is no label to doubt; leave " +
              "the kind out",
          );
        }
        const { label } = outcomesOf(form, ys as tf.Tensor, predictions);
        table.add(some, form.classes, probabilitiesOf(form, predictions), label);
      });
    } finally {
      tf.dispose([xs, ys, weights ?? []]);
    }
    await onBatch?.(Math.min(first + batchSize, rows.length), rows.length);
  }
}
