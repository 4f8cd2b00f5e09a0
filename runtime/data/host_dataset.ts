import * as tf from "@tensorflow/tfjs";
import type { Batch, Dataset } from "./dataset.ts";

/** Samples of one tensor in host memory, row-major: `shape[0]` rows. */
export interface HostColumn {
  values: Float32Array | Int32Array | Uint8Array;
  shape: readonly number[];
  dtype: "float32" | "int32" | "bool";
}

/** One column, or named columns for several inputs or outputs. */
export type HostColumns = HostColumn | Record<string, HostColumn>;

/**
 * A dataset in host memory. `batch` gathers rows from typed arrays into fresh tensors, which
 * costs one copy and no kernel.
 */
export class HostDataset implements Dataset {
  readonly length: number;
  readonly classNames?: readonly string[] | undefined;
  readonly #xs: HostColumns;
  readonly #ys: HostColumns;
  readonly #weights: HostColumn | undefined;

  /**
   * @param weights One a sample, [samples].
   * @throws {RangeError} unless every column has the same number of rows.
   */
  constructor(
    xs: HostColumns,
    ys: HostColumns,
    classNames?: readonly string[],
    weights?: HostColumn,
  ) {
    const columns = [...columnsOf(xs), ...columnsOf(ys), ...weights === undefined ? [] : [weights]];
    const lengths = columns.map((column) => column.shape[0] ?? 0);
    if (new Set(lengths).size !== 1) {
      throw new RangeError(
        `${
          weights === undefined ? "xs and ys" : "xs, ys and weights"
        } need one row a sample each, but their first axes are ${lengths.join(", ")}`,
      );
    }
    this.length = lengths[0]!;
    this.#xs = xs;
    this.#ys = ys;
    this.#weights = weights;
    this.classNames = classNames;
  }

  /** @throws {RangeError} for an index that there is not. */
  batch(indices: Int32Array): Batch {
    for (const index of indices) {
      if (index >= 0 && index < this.length) continue;
      throw new RangeError(`index ${index} is not within the ${this.length} samples`);
    }
    const [xs, ys] = [gatherAll(this.#xs, indices), gatherAll(this.#ys, indices)];
    if (this.#weights === undefined) return { xs, ys };
    return { xs, ys, weights: gather(this.#weights, indices) as tf.Tensor1D };
  }
}

function columnsOf(columns: HostColumns): HostColumn[] {
  return isColumn(columns) ? [columns] : Object.values(columns);
}

function isColumn(columns: HostColumns): columns is HostColumn {
  return ArrayBuffer.isView(columns.values);
}

function gatherAll(columns: HostColumns, indices: Int32Array): Batch["xs"] {
  if (isColumn(columns)) return gather(columns, indices);
  return Object.fromEntries(
    Object.entries(columns).map(([name, column]) => [name, gather(column, indices)]),
  );
}

function gather({ values, shape, dtype }: HostColumn, indices: Int32Array): tf.Tensor {
  const width = shape.slice(1).reduce((size, axis) => size * axis, 1);
  const rows = new (values.constructor as Float32ArrayConstructor)(indices.length * width);
  let to = 0;
  for (const index of indices) {
    const from = index * width;
    // Below some tens of values a loop is faster than a subarray and its copy.
    if (width > 48) rows.set(values.subarray(from, from + width) as Float32Array, to);
    else for (let at = 0; at < width; at++) rows[to + at] = values[from + at]!;
    to += width;
  }
  return tf.tensor(rows, [indices.length, ...shape.slice(1)], dtype);
}
