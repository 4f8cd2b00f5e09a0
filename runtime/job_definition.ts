/** What a job module exports by default, and what its functions are given. */
import type * as tf from "@tensorflow/tfjs";
import type { JobFiles } from "./data/job_files.ts";
import type { AnyDataset } from "./data/sample_dataset.ts";
import type { Callback } from "./callbacks/callback.ts";
import type { Metrics } from "./metrics/metric.ts";
import type { JobConfig, ModelArgs, PartialJobConfig, UserHparams } from "./protocol/job_config.ts";
import type { CustomSteps } from "./training/custom_step.ts";
import type { Schedule } from "./training/schedules.ts";

/** One tensor, or named tensors for several inputs or outputs. */
export type TensorOrRecord = tf.Tensor | Record<string, tf.Tensor>;

/**
 * A model that is no `tf.LayersModel`: anything that maps a batch to predictions and names its
 * weights. `weights` order is the order of its tensors in checkpoints, so it must not change.
 */
export interface ApplyModel {
  /** Predictions for a batch, shape [batch, ...]; `training` is false in validation and tests. */
  apply(xs: TensorOrRecord, options: { training: boolean }): tf.Tensor;
  /** Every variable, trainable or not. */
  readonly weights: readonly tf.Variable[];
}

/** A model that a job may train. */
export type Model = tf.LayersModel | ApplyModel;

/** A function that makes a model, and its arguments, which config (`model_args`) may change. */
export interface ModelFactory<A extends ModelArgs = ModelArgs> {
  /** What `factory` is called with: values that JSON can carry. */
  args: A;
  /** Makes the model anew, each time from the arguments alone and what `ctx` reads. */
  factory(args: A, ctx: JobContext): Model | Promise<Model>;
}

/**
 * What a job's model is made of: a function, a function with arguments, or a model, which is cloned
 * by its config with its weights. Forks, merges and tests make it anew from this.
 */
export type ModelSource<A extends ModelArgs = ModelArgs> =
  | ((ctx: JobContext) => Model | Promise<Model>)
  | ModelFactory<A>
  | tf.LayersModel;

/** The batch that a loss is asked about. */
export interface LossBatch {
  /** Inputs, [batch, ...] each. */
  xs: TensorOrRecord;
  /** Positions of the samples in their split, in the batch's order. */
  indices: Int32Array;
  /** One weight a sample, [batch]; absent where the dataset gives none. */
  weights?: tf.Tensor1D | undefined;
  /** False in validation, tests and scans. */
  training: boolean;
  ctx: JobContext;
}

/**
 * A loss that answers one value a sample, which the runner weighs and averages, or a scalar. A
 * scalar of a weighted batch is taken only from a function that takes the batch, and so its weights.
 */
export type LossFunction = (
  yTrue: TensorOrRecord,
  yPred: tf.Tensor,
  batch: LossBatch,
) => tf.Tensor;

/** A loss by name. Reductions are means. */
export type LossName =
  | "categoricalCrossentropy"
  | "sparseCategoricalCrossentropy"
  | "binaryCrossentropy"
  | "meanSquaredError"
  | "meanAbsoluteError"
  | "softmaxCrossEntropy";
/** A loss: its name, or a function. */
export type Loss = LossName | LossFunction;

/**
 * Where a model places samples: features [batch, ..., width] of inputs, alike ones near each other.
 * Called in inference mode, in a tidy.
 */
export type Embedding = (xs: TensorOrRecord, model: Model) => tf.Tensor;

/** What the functions of a module may count on. */
export interface JobContext extends JobFiles {
  /** Seed of the job. Splits are seeded with the session root's, so that forks keep membership. */
  readonly seed: number;
  /** Config in effect, hyperparameters as they were set last. */
  readonly config: Readonly<JobConfig>;
  /** What the module declares in `hparams`, at the values in effect. */
  readonly hparams: Readonly<UserHparams>;
  /** Writes a line to the job's log. */
  log(...parts: unknown[]): void;
}

/**
 * Data of a job: map-style datasets, each `{ length, batch(indices) }` or `{ length, sample(index, rng) }`.
 * `val`, `test` and `gate` may be absent.
 */
export interface JobData {
  /** What training draws from; selections pick positions in it. */
  train: AnyDataset;
  /** What validation, and whatever decides during training, looks at. */
  val?: AnyDataset | undefined;
  /** What tests look at; nothing is ever decided by it, and every look is counted. */
  test?: AnyDataset | undefined;
  /** What merges are judged on; `val` where it is absent. Nothing else looks at it. */
  gate?: AnyDataset | undefined;
}

/** A job: its model, its data and its training. */
export interface JobDefinition<A extends ModelArgs = ModelArgs> extends CustomSteps {
  /** Groups sessions of one undertaking; a string literal, since the server reads it unexecuted. */
  project?: string;
  /** The job's name for people; a string literal. A taken one gets a number: `baseline-2`. */
  runName?: string;
  /** Config; what the submission sets wins over it. */
  config?: PartialJobConfig;
  /**
   * Hyperparameters of the module's own with their defaults: numbers, flags and short texts by
   * name. Config and `PATCH /jobs/{id}/hparams` set them, `ctx.hparams` has them.
   */
  hparams?: UserHparams;
  /** What forks, merges and tests make the model of. */
  model: ModelSource<A>;
  /**
   * A factory of one of the optimizers of `tf.train`; of several by name for a `trainStep` of one's
   * own, which says what each moves. Learning rate and momentum set live are the first one's; the
   * others' rates keep their proportion to it.
   */
  optimizer: () => tf.Optimizer | Record<string, tf.Optimizer>;
  /** What training makes smaller. */
  loss: Loss;
  /** The learning rate along the way: one of the schedules, or a function of the position. */
  schedule?: Schedule | Schedule["lrAt"];
  /** Told of points of training: `earlyStopping()`, `bestCheckpoint()`, or one's own. */
  callbacks?: readonly Callback[];
  /** What samples are grouped and laid out by; the layer before the last when absent. */
  embedding?: Embedding;
  /** Figures of every split that is validated or tested, beside loss and accuracy. */
  metrics?: Metrics;
  /** The splits. `Math.random` is seeded here, as everywhere in a module. */
  data: (ctx: JobContext) => JobData | Promise<JobData>;
}

/**
 * Declares a job. A module's default export is what this returns.
 *
 * @example
 * ```ts ignore
 * import { defineJob, tensorDataset } from "onthefly";
 * import * as tf from "@tensorflow/tfjs";
 *
 * export default defineJob({
 *   project: "xor",
 *   config: { maxEpochs: 200, batchSize: 4 },
 *   model: () => tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] }),
 *   optimizer: () => tf.train.adam(0.1),
 *   loss: "meanSquaredError",
 *   data: () => ({
 *     train: tensorDataset(tf.tensor2d([[0, 0], [0, 1], [1, 0], [1, 1]]), tf.tensor2d([[0], [1], [1], [0]])),
 *   }),
 * });
 * ```
 */
export function defineJob<A extends ModelArgs>(definition: JobDefinition<A>): JobDefinition {
  // Config keeps to the arguments that the module has, and to their kinds.
  return definition as JobDefinition;
}
