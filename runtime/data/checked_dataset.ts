import * as tf from "@tensorflow/tfjs";
import type { TensorOrRecord } from "../job_definition.ts";
import type { Batch, Dataset, Draw } from "./dataset.ts";
import { DatasetError } from "./dataset_error.ts";

/**
 * A split of a job, held to what a dataset promises: one row a sample, the same shapes in every
 * batch, a length that stays. What it throws names the split and the samples.
 */
export class CheckedDataset implements Dataset {
  readonly length: number;
  #layout: string | null = null;

  /** @param seed Of the job: what samples are keyed by where nobody says which draw it is. */
  constructor(readonly name: string, readonly base: Dataset, private readonly seed: number) {
    this.length = base.length;
  }

  /** Those of `base`. */
  get classNames(): readonly string[] | undefined {
    return this.base.classNames;
  }

  /** @throws {DatasetError} when `base` breaks a promise, or throws (that is the cause then). */
  batch(indices: Int32Array, draw: Draw = { seed: this.seed, epoch: 0 }): Batch | Promise<Batch> {
    let batch: Batch | Promise<Batch>;
    try {
      batch = this.base.batch(indices, draw);
    } catch (cause) {
      throw this.#failure(indices, cause);
    }
    if (!(batch instanceof Promise)) return this.#checked(batch, indices);
    return batch.then(
      (later) => this.#checked(later, indices),
      (cause) => {
        throw this.#failure(indices, cause);
      },
    );
  }

  #failure(indices: Int32Array, cause: unknown): DatasetError {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new DatasetError(`${this.name}: batch() of ${listed(indices)} threw: ${reason}`, {
      cause,
    });
  }

  #checked(batch: Batch, indices: Int32Array): Batch {
    const fault = this.#fault(batch, indices.length);
    if (fault === null) return batch;
    const tensors = [batch?.xs, batch?.ys, batch?.weights].filter((part) => part != null);
    tf.dispose(tensors as tf.TensorContainer);
    throw new DatasetError(`${this.name}: batch() of ${listed(indices)}: ${fault}`);
  }

  #fault(batch: Batch, count: number): string | null {
    if (this.base.length !== this.length) {
      return `the dataset's length was ${this.length} and is now ${this.base.length}`;
    }
    if (batch === null || typeof batch !== "object") return "it must answer { xs, ys }";
    const parts: string[] = [];
    for (const [name, tensors] of Object.entries({ xs: batch.xs, ys: batch.ys })) {
      for (const [place, tensor] of named(name, tensors)) {
        if (!(tensor instanceof tf.Tensor)) return `${place} is not a tensor`;
        if (tensor.isDisposed) return `${place} is disposed`;
        if (tensor.shape[0] !== count) {
          return `${place} has shape [${tensor.shape}]: expected one row for each of ${count} samples`;
        }
        parts.push(`${place} ${tensor.dtype} [${["*", ...tensor.shape.slice(1)]}]`);
      }
    }
    const { weights } = batch;
    if (weights !== undefined && weights.size !== count) {
      return `weights has shape [${weights.shape}]: expected [${count}]`;
    }
    const layout = parts.join(", ");
    this.#layout ??= layout;
    return layout === this.#layout ? null : `it was ${this.#layout} and is now ${layout}`;
  }
}

function named(name: string, tensors: TensorOrRecord | undefined): [string, unknown][] {
  if (tensors instanceof tf.Tensor || tensors === null || typeof tensors !== "object") {
    return [[name, tensors]];
  }
  return Object.entries(tensors).map(([key, tensor]) => [`${name}.${key}`, tensor]);
}

function listed(indices: Int32Array): string {
  const shown = indices.subarray(0, 4).join(", ");
  return indices.length > 4 ? `samples ${shown}, ... (${indices.length})` : `samples ${shown}`;
}
