import type { Batch, Dataset, Draw } from "./dataset.ts";
import { type AnyDataset, asDataset } from "./sample_dataset.ts";

/** Some samples of a dataset, in a given order. `indices` are positions in `base`. */
export class SubsetView implements Dataset {
  /** Those of `base`. */
  readonly classNames?: readonly string[] | undefined;

  /** Use {@linkcode subset}, which checks the indices and composes views of views. */
  constructor(readonly base: Dataset, readonly indices: Int32Array) {
    this.classNames = base.classNames;
  }

  /** Count of samples. */
  get length(): number {
    return this.indices.length;
  }

  /** Those of `base`, in this order. */
  get labels(): Int32Array | undefined {
    return this.base.labels && at(this.base.labels, this.indices);
  }

  /** Samples by their position in this view. @throws {RangeError} for one that there is not. */
  batch(indices: Int32Array, draw?: Draw): Batch | Promise<Batch> {
    return this.base.batch(at(this.indices, indices), draw);
  }
}

/**
 * The samples at `indices`, as a dataset of its own. A view of a view goes back to the first
 * dataset, so `indices` of the result are always original ones.
 *
 * @throws {RangeError} for an index that the dataset does not have.
 */
export function subset(
  samples: AnyDataset,
  indices: Int32Array | readonly number[],
): SubsetView {
  const dataset = asDataset(samples);
  const positions = Int32Array.from(indices);
  const wrong = Array.from(indices).find((index) =>
    !Number.isInteger(index) || index < 0 || index >= dataset.length
  );
  if (wrong !== undefined) {
    throw new RangeError(`index ${wrong} is not within the ${dataset.length} samples`);
  }
  if (dataset instanceof SubsetView) {
    return new SubsetView(dataset.base, at(dataset.indices, positions));
  }
  return new SubsetView(dataset, positions);
}

function at(positions: Int32Array, wanted: Int32Array): Int32Array {
  return wanted.map((index) => {
    const position = positions[index];
    if (position === undefined) {
      throw new RangeError(`index ${index} is not within the ${positions.length} samples`);
    }
    return position;
  });
}
