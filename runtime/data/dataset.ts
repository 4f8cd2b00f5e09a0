import type * as tf from "@tensorflow/tfjs";
import type { TensorOrRecord } from "../job_definition.ts";

/** Some samples: tensors whose first axis is the sample. The session disposes them. */
export interface Batch {
  xs: TensorOrRecord;
  ys: TensorOrRecord;
  /** One weight a sample, shape [batch]. */
  weights?: tf.Tensor1D | undefined;
}

/** A map-style dataset: samples by index, from 0 up to `length`. */
export interface Dataset {
  readonly length: number;
  batch(indices: Int32Array): Batch | Promise<Batch>;
  readonly classNames?: readonly string[] | undefined;
}
