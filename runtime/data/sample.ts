import type * as tf from "@tensorflow/tfjs";

/** Values of one tensor of a sample, row-major, without the sample axis. */
export interface SampleValues {
  values: Float32Array | Int32Array | Uint8Array;
  shape: readonly number[];
  /** `float32` for Float32Array, else `int32`, when absent. */
  dtype?: "float32" | "int32" | "bool";
}

/** One tensor of a sample: a number, a list of numbers, values with a shape, or a tensor. */
export type SampleTensor =
  | number
  | readonly number[]
  | Float32Array
  | Int32Array
  | Uint8Array
  | SampleValues
  | tf.Tensor;

/** One sample; several inputs or targets are named. Tensors in it are taken over. */
export interface Sample {
  xs: SampleTensor | Record<string, SampleTensor>;
  ys: SampleTensor | Record<string, SampleTensor>;
  /** Its weight in the loss; all samples of a dataset have one, or none has. */
  weight?: number | undefined;
}

/** Random numbers of one sample in one epoch: the same whatever else is drawn, and wherever. */
export interface SampleRandom {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform integer in [0, n). */
  nextInt(n: number): number;
}

/** Samples made one by one. */
export interface SampleSource {
  /** Count of samples. */
  readonly length: number;
  /**
   * One sample, `index` from 0 up to `length`. Randomness comes from `rng` (or `Math.random`, which
   * is the same stream here), so that prefetch, threads and batch size never change a sample.
   */
  sample(index: number, rng: SampleRandom): Sample | Promise<Sample>;
  /** Names of the classes, by class index. */
  readonly classNames?: readonly string[] | undefined;
  /** The class of every sample, where it is known without reading the samples. */
  readonly labels?: Int32Array | undefined;
}
