import type * as tf from "@tensorflow/tfjs";
import type { TensorOrRecord } from "../job_definition.ts";

/** Some samples: tensors whose first axis is the sample. The session disposes them. */
export interface Batch {
  /** Inputs, [batch, ...] each. */
  xs: TensorOrRecord;
  /** Targets, [batch, ...] each. */
  ys: TensorOrRecord;
  /** One weight a sample, shape [batch]. */
  weights?: tf.Tensor1D | undefined;
}

/** In which pass over the data samples are asked for: what augmentation is keyed by. */
export interface Draw {
  seed: number;
  /** Epoch on the job's axis; 0 in validation and tests. */
  epoch: number;
}

/** A map-style dataset: samples by index, from 0 up to `length`. */
export interface Dataset {
  /** Count of samples. */
  readonly length: number;
  /** Fresh tensors of these samples, in this order; whoever asks disposes them. */
  batch(indices: Int32Array, draw?: Draw): Batch | Promise<Batch>;
  /** Names of the classes, by class index. */
  readonly classNames?: readonly string[] | undefined;
  /** The class of every sample, where it is known without reading the samples. */
  readonly labels?: Int32Array | undefined;
}
