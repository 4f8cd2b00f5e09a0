import * as tf from "@tensorflow/tfjs";
import type { Batch, Dataset } from "../data/dataset.ts";
import type { ResolvedLoss } from "../training/losses.ts";
import type { ModelHandle } from "../training/model_handle.ts";
import { type OutcomeForm, outcomeForm, type Outcomes, outcomesOf } from "./outcomes.ts";
import { batchLosses } from "./batch_losses.ts";

/** What {@linkcode scanSamples} scans, and how. */
export interface ScanArguments {
  handle: ModelHandle;
  loss: ResolvedLoss;
  dataset: Dataset;
  /** Samples to scan, in this order; without it the whole dataset in its own. */
  indices: Int32Array | null;
  /** Samples at once. */
  batchSize: number;
  /** Dropout and batch statistics as in training. The caller has seeded `Math.random`. */
  training: boolean;
  /** Given each batch of rows, in order. */
  onRows: (rows: ScannedRows) => void;
  /** Awaited after each batch, so that others get their turn; it may throw to end the scan. */
  onBatch?: (done: number, total: number) => Promise<void>;
}

/** Rows of one batch. */
export interface ScannedRows {
  /** Positions in the dataset. */
  index: Int32Array;
  loss: Float32Array;
  /** Null where the model tells no classes apart. */
  outcomes: Outcomes | null;
}

/** What was found out about the loss on the way. */
export interface ScanFindings {
  /** How classes were read; null where there are none. */
  form: OutcomeForm | null;
  warnings: string[];
}

/** Relative difference from which two losses of one sample are no longer the same. */
const SAME_LOSS = 1e-3;

/**
 * Loss and outcome of each sample, in order, without sample weights. Memory stays that of a batch.
 *
 * @throws What `onBatch` throws, once the batch is disposed.
 */
export async function scanSamples(scan: ScanArguments): Promise<ScanFindings> {
  const { dataset, indices, batchSize, onRows } = scan;
  const total = indices?.length ?? dataset.length;
  const findings: ScanFindings = { form: null, warnings: [] };
  for (let first = 0; first < total; first += batchSize) {
    const count = Math.min(batchSize, total - first);
    const index = indices?.slice(first, first + count) ??
      Int32Array.from({ length: count }, (_, offset) => first + offset);
    const answer = dataset.batch(index);
    const batch = answer instanceof Promise ? await answer : answer;
    try {
      onRows(scanBatch(scan, batch, index, findings, first === 0));
    } finally {
      tf.dispose([batch.xs, batch.ys, batch.weights ?? []]);
    }
    await scan.onBatch?.(first + count, total);
  }
  return findings;
}

function scanBatch(
  { handle, loss, training }: ScanArguments,
  batch: Batch,
  index: Int32Array,
  findings: ScanFindings,
  isFirst: boolean,
): ScannedRows {
  let rows: ScannedRows | null = null;
  tf.tidy(() => {
    const predictions = handle.apply(batch.xs, training);
    if (isFirst) findings.form = outcomeForm(loss.name, batch.ys, predictions);
    // Before any kernel of the loss: what is read in place lasts only until the next one.
    const outcomes = findings.form === null
      ? null
      : outcomesOf(findings.form, batch.ys as tf.Tensor, predictions);
    const { values, split } = batchLosses(loss, batch, predictions, index, training);
    if (isFirst && split) {
      const seen = { xs: batch.xs, indices: index, training };
      const whole = loss.mean(batch.ys, predictions, undefined, seen).dataSync()[0]!;
      findings.warnings.push(splitWarning(whole, values));
    }
    rows = { index, loss: values, outcomes };
  });
  return rows!;
}

/** What to say of a loss that was asked for one sample at a time; `whole` is that of a batch. */
function splitWarning(whole: number, values: Float32Array): string {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const done =
    "the loss function answers a scalar, so each batch was split and the function asked " +
    "for one sample at a time";
  const apart = Math.abs(whole - mean) > SAME_LOSS * Math.max(Math.abs(whole), Math.abs(mean));
  if (!apart) return done;
  return `${done}; it depends on the batch as a whole (${whole} for the first one, ${mean} for the ` +
    "mean of its samples), so these losses are not what training makes smaller";
}
