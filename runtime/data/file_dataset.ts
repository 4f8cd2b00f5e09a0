import * as tf from "@tensorflow/tfjs";
import type { Batch, Dataset } from "./dataset.ts";
import { type FileColumn, readAll, readRows } from "./file_column.ts";
import { type HostColumn, HostDataset } from "./host_dataset.ts";

/** How the tensors of a file become inputs and targets. */
export interface FileDatasetOptions {
  /** Number of classes: targets, [samples] or [samples, 1], become one-hot rows. */
  classes?: number | undefined;
  /** What inputs are multiplied by; they are float32 then. */
  scale?: number | undefined;
  /** Names of the classes, by class index. */
  classNames?: readonly string[] | undefined;
}

/**
 * A dataset of two tensors in files. With `inMemory` everything is read now and batches come at
 * once; without it each batch reads its own rows, and the files may be larger than memory.
 *
 * @throws {RangeError} unless both have one row a sample.
 */
export async function fileDataset(
  xs: FileColumn,
  ys: FileColumn,
  options: FileDatasetOptions,
  inMemory: boolean,
): Promise<Dataset> {
  const [length, targets] = [xs.shape[0] ?? 0, ys.shape[0] ?? 0];
  if (xs.shape.length === 0 || length !== targets) {
    throw new RangeError(`${xs.place} has ${length} rows, ${ys.place} has ${targets}`);
  }
  if (!inMemory) return new FileDataset(xs, ys, options);
  const [inputs, classes] = await Promise.all([readAll(xs), readAll(ys)]);
  return new HostDataset(
    scaled(inputs, options.scale),
    target(classes, ys.place, null, options.classes),
    options.classNames,
  );
}

class FileDataset implements Dataset {
  readonly length: number;
  readonly classNames?: readonly string[] | undefined;
  readonly #xs: FileColumn;
  readonly #ys: FileColumn;
  readonly #options: FileDatasetOptions;

  constructor(xs: FileColumn, ys: FileColumn, options: FileDatasetOptions) {
    this.length = xs.shape[0]!;
    this.classNames = options.classNames;
    this.#xs = xs;
    this.#ys = ys;
    this.#options = options;
  }

  async batch(indices: Int32Array): Promise<Batch> {
    for (const index of indices) {
      if (index >= 0 && index < this.length) continue;
      throw new RangeError(`index ${index} is not within the ${this.length} samples`);
    }
    const [xs, ys] = await Promise.all([
      readRows(this.#xs, indices),
      readRows(this.#ys, indices),
    ]);
    const targets = target(ys, this.#ys.place, indices, this.#options.classes);
    return { xs: tensorOf(scaled(xs, this.#options.scale)), ys: tensorOf(targets) };
  }
}

function tensorOf({ values, shape, dtype }: HostColumn): tf.Tensor {
  return tf.tensor(values, [...shape], dtype);
}

function scaled(column: HostColumn, scale: number | undefined): HostColumn {
  if (scale === undefined) return column;
  const values = Float32Array.from(column.values, (value) => value * scale);
  return { values, shape: column.shape, dtype: "float32" };
}

/** One-hot rows of classes; without `classes` the target as it is, at least [samples, 1]. */
function target(
  column: HostColumn,
  place: string,
  indices: Int32Array | null,
  classes: number | undefined,
): HostColumn {
  const rows = column.shape[0]!;
  if (classes === undefined) {
    return column.shape.length > 1 ? column : { ...column, shape: [rows, 1] };
  }
  if (!Number.isInteger(classes) || classes < 2) {
    throw new RangeError(`classes must be an integer of at least 2, got ${classes}`);
  }
  if (column.values.length !== rows) {
    throw new TypeError(`${place} has shape [*,${column.shape.slice(1)}]: classes need one number`);
  }
  const values = new Float32Array(rows * classes);
  column.values.forEach((label, at) => {
    if (!Number.isInteger(label) || label < 0 || label >= classes) {
      const row = indices?.[at] ?? at;
      throw new TypeError(`${place}, row ${row}: ${label} is not a class from 0 to ${classes - 1}`);
    }
    values[at * classes + label] = 1;
  });
  return { values, shape: [rows, classes], dtype: "float32" };
}
