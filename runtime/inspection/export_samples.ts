import * as tf from "@tensorflow/tfjs";
import type { Dataset } from "../data/dataset.ts";
import type { TensorOrRecord } from "../job_definition.ts";
import type { ExportPayload, ExportResult } from "../protocol/export.ts";
import { resolveSelection } from "../protocol/resolve_selection.ts";
import { openSampleWriter, type Rows } from "./sample_writer.ts";
import { type ColumnValues, readColumn } from "./spool.ts";

/** Rows that are written at once: one row group of parquet. */
const ROWS_AT_ONCE = 50_000;
/** Rows at once where their inputs are written too. */
const WIDE_ROWS_AT_ONCE = 1_000;
/** Numbers of one sample's inputs. */
const MOST_FEATURES = 4_096;

/** Inputs that are too wide to be columns. */
export class ExportError extends Error {
  override name = "ExportError";
}

/**
 * Writes the rows of a report that a selection picks to `<folder>/samples.<format>`, in the report's
 * order, with their inputs where asked: `feature_0` and on, or `<input>_0` where there are several.
 *
 * @throws {SelectionError} for none. @throws {ExportError} for inputs of too many numbers.
 */
export async function exportSamples(
  { selection, report, columns, samples, format, features, folder }: ExportPayload,
  dataset: Dataset,
  onBatch: (done: number, total: number) => Promise<void>,
): Promise<ExportResult> {
  const table = new Map(columns.map((name) => [name, readColumn(report, name)]));
  const known = (name: "label" | "prediction" | "cluster") =>
    (table.get(name) ?? null) as Int32Array | null;
  const picked = resolveSelection(selection, {
    count: samples,
    loss: table.get("loss") as Float32Array,
    label: known("label"),
    prediction: known("prediction"),
    cluster: known("cluster"),
  });
  const writer = openSampleWriter(format, `${folder}/samples.${format}`);
  const size = features ? WIDE_ROWS_AT_ONCE : ROWS_AT_ONCE;
  let names: string[] = [];
  for (let first = 0; first < picked.length; first += size) {
    const some = picked.subarray(first, first + size);
    const rows = new Map<string, ColumnValues>();
    for (const [name, values] of table) {
      rows.set(
        name,
        values instanceof Int32Array
          ? Int32Array.from(some, (row) => values[row]!)
          : Float32Array.from(some, (row) => values[row]!),
      );
    }
    if (features) await addFeatures(rows, dataset, rows.get("index") as Int32Array);
    names = [...rows.keys()];
    writer.write(rows as Rows);
    await onBatch(first + some.length, picked.length);
  }
  await writer.finish();
  return { rows: picked.length, columns: names };
}

async function addFeatures(
  rows: Map<string, ColumnValues>,
  dataset: Dataset,
  indices: Int32Array,
): Promise<void> {
  const batch = await dataset.batch(indices);
  try {
    for (const [name, tensor] of inputsOf(batch.xs)) {
      const width = tensor.size / indices.length;
      if (width > MOST_FEATURES) {
        throw new ExportError(
          `features: ${name} has ${width} numbers a sample; at most ${MOST_FEATURES} are exported`,
        );
      }
      const values = tf.tidy(() => tensor.toFloat().dataSync<"float32">());
      for (let at = 0; at < width; at++) {
        rows.set(
          `${name}_${at}`,
          Float32Array.from(indices, (_, row) => values[row * width + at]!),
        );
      }
    }
  } finally {
    tf.dispose([batch.xs, batch.ys, batch.weights ?? []]);
  }
}

function inputsOf(xs: TensorOrRecord): [string, tf.Tensor][] {
  return xs instanceof tf.Tensor ? [["feature", xs]] : Object.entries(xs);
}
