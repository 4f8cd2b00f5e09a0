import type * as tf from "@tensorflow/tfjs";
import { learningRateOf, setLearningRate } from "../checkpoints/learning_rate.ts";
import { momentumOf, setMomentum } from "../checkpoints/momentum.ts";
import type { Callback } from "../callbacks/callback.ts";
import type { Dataset } from "../data/dataset.ts";
import { keyedStream, NUMERICS_VERSION, type Purpose } from "../determinism/rng.ts";
import { Sampler, type SamplerState } from "../determinism/sampler.ts";
import type { SeededRandom } from "../determinism/seeded_math_random.ts";
import type { Embedding, JobContext } from "../job_definition.ts";
import type { Metrics } from "../metrics/metric.ts";
import { type JobConfig, toWireConfig } from "../protocol/job_config.ts";
import type { JsonObject } from "../protocol/json.ts";
import type { ScheduleChoice } from "../protocol/schedule_spec.ts";
import type { CustomSteps } from "./custom_step.ts";
import { type LiveHparams, patchHparams } from "./live_hparams.ts";
import type { ResolvedLoss } from "./losses.ts";
import { LossScaler } from "./loss_scaler.ts";
import type { ModelHandle } from "./model_handle.ts";
import { namedSchedule } from "./named_schedule.ts";
import type { Schedule, ScheduleState } from "./schedules.ts";
import type { RunState } from "./run_state.ts";
import type { StepSample } from "../telemetry/step_sample.ts";
import { RecentSteps } from "../telemetry/recent_steps.ts";

/** The splits of a job. */
export interface Splits {
  train: Dataset;
  val: Dataset | null;
  test: Dataset | null;
  /** What merges are judged on; validation looks at val in its place. */
  gate: Dataset | null;
}

/** What a training run is made of. */
export interface TrainingParts {
  handle: ModelHandle;
  optimizer: tf.Optimizer;
  loss: ResolvedLoss;
  data: Splits;
  config: JobConfig;
  random: SeededRandom;
  /** The module's own; null: the learning rate stays until somebody changes it. */
  schedule: Schedule | null;
  /** Figures that the module wants of every split that is evaluated. */
  metrics: Metrics;
  /** Steps that the module takes over. */
  steps: CustomSteps;
  /** Told of points of training; what they remember is part of the run's state. */
  callbacks: readonly Callback[];
  /** What the module places samples by; absent: nothing of its own. */
  embedding?: Embedding | undefined;
  /** What the module's functions are given. */
  ctx: JobContext;
}

/** Sums over the finite steps of one epoch. `correct` is null where the loss has no classes. */
export interface EpochTotals {
  samples: number;
  loss: number;
  correct: number | null;
}

/** The totals of an epoch that has just begun. */
export function noTotals(): EpochTotals {
  return { samples: 0, loss: 0, correct: 0 };
}

/**
 * One model in training: everything that has a position, captured and restored as a pair.
 *
 * `step` and `epoch` count the job's own; `axisStep` goes on from where a child began, and is what
 * random streams are keyed by.
 */
export class TrainingRun {
  readonly handle: ModelHandle;
  loss: ResolvedLoss;
  readonly data: Splits;
  /** The schedule in effect: the module's own, one by name, or none. */
  schedule: Schedule | null;
  readonly metrics: Metrics;
  readonly steps: CustomSteps;
  readonly callbacks: readonly Callback[];
  readonly embedding: Embedding | null;
  readonly ctx: JobContext;
  readonly scaler: LossScaler;
  config: JobConfig;
  optimizer: tf.Optimizer;
  /** The learning rate that a schedule starts from; without one, the learning rate. */
  baseLr: number;
  step = 0;
  epoch = 0;
  originStep = 0;
  valLoss: number | null = null;
  /** The step whose automatic test held the run; null: none has. */
  testedAt: number | null = null;
  /** Sums over the steps of the current epoch so far. */
  totals: EpochTotals = noTotals();
  /** Positions in the training split that this run draws from; null for all. */
  indices: Int32Array | null = null;
  /** Positions in the validation split that a fork's own rule picks; null where it has none. */
  valSlice: Int32Array | null = null;
  sampler: Sampler;
  /** What the step that is being made is watched for, where it is: no part of the state. */
  sample: StepSample | null = null;
  /** What the newest steps cost: no part of the state. */
  recent = new RecentSteps();
  /** Where on the axis the module's own schedule began to count; null: at its beginning. */
  #scheduleFrom: { step: number; epoch: number } | null = null;
  readonly #random: SeededRandom;
  readonly #ownSchedule: Schedule | null;
  readonly #ownScheduleAtStart: ScheduleState | null;

  constructor(parts: TrainingParts) {
    this.handle = parts.handle;
    this.optimizer = parts.optimizer;
    this.loss = parts.loss;
    this.data = parts.data;
    this.config = parts.config;
    this.#random = parts.random;
    this.sampler = this.#samplerAt({ epoch: 0, cursor: 0 });
    this.#ownSchedule = parts.schedule;
    this.#ownScheduleAtStart = parts.schedule?.capture?.() ?? null;
    this.schedule = this.#scheduleOf(parts.config.schedule);
    this.scaler = new LossScaler(parts.config);
    this.metrics = parts.metrics;
    this.steps = parts.steps;
    this.callbacks = parts.callbacks;
    this.embedding = parts.embedding ?? null;
    this.ctx = parts.ctx;
    this.baseLr = parts.config.lr ?? learningRateOf(parts.optimizer);
    setLearningRate(this.optimizer, this.baseLr);
    const { momentum } = parts.config;
    if (momentum !== null && momentumOf(this.optimizer) !== null) {
      setMomentum(this.optimizer, momentum);
    }
  }

  /** Step on the axis that a child shares with its parents. */
  get axisStep(): number {
    return this.originStep + this.step;
  }

  /** Largest global L2 norm of a gradient; null does not clip. */
  get gradClipNorm(): number | null {
    return this.config.gradClipNorm;
  }

  /** Optimizer steps that an epoch takes at this batch size. */
  get stepsPerEpoch(): number {
    return Math.ceil(this.sampler.stepsPerEpoch / this.config.accumulateSteps);
  }

  /** The hyperparameters of the next step. */
  get hparams(): LiveHparams {
    const { gradClipNorm, gradClipValue, batchSize, schedule, hparams } = this.config;
    const momentum = momentumOf(this.optimizer);
    return { lr: this.baseLr, momentum, gradClipNorm, gradClipValue, batchSize, schedule, hparams };
  }

  /** Takes effect at the next step. The order of the epoch stays; a new schedule starts afresh. */
  set hparams({ lr, momentum, ...configured }: LiveHparams) {
    const before = this.config;
    this.baseLr = lr;
    setLearningRate(this.optimizer, lr);
    if (momentum !== null) setMomentum(this.optimizer, momentum);
    this.config = { ...before, ...configured };
    if (configured.batchSize !== before.batchSize) {
      this.sampler = this.#samplerAt(this.sampler.capture());
    }
    if (JSON.stringify(configured.schedule) !== JSON.stringify(before.schedule)) {
      this.#scheduleFrom = null;
      this.schedule = this.#scheduleOf(configured.schedule);
    }
  }

  /** The learning rate of the next step; a schedule moves it there. */
  scheduleLr(): number {
    if (this.schedule === null) return this.baseLr;
    const { axisStep, baseLr } = this;
    const from = this.#scheduleFrom ?? { step: 0, epoch: 0 };
    const step = axisStep - from.step;
    const epoch = this.sampler.capture().epoch - from.epoch;
    const lr = this.schedule.lrAt({ step, epoch, baseLr });
    if (!Number.isFinite(lr) || lr < 0) {
      throw new RangeError(`the schedule gives a learning rate of ${lr} at step ${step}`);
    }
    setLearningRate(this.optimizer, lr);
    return lr;
  }

  /** Lets the schedule count from here, whatever it has seen before. */
  restartSchedule(): void {
    const from = { step: this.axisStep, epoch: this.sampler.capture().epoch };
    const { schedule } = this.config;
    if (schedule === "module") this.#scheduleFrom = from;
    else if (schedule !== null) this.config = { ...this.config, schedule: { ...schedule, from } };
    this.schedule = this.#scheduleOf(this.config.schedule);
  }

  /** Which budget is spent, or null while there is more to train. */
  get spent(): "max_steps" | "max_epochs" | null {
    if (this.config.maxSteps !== null && this.step >= this.config.maxSteps) return "max_steps";
    return this.epoch >= this.config.maxEpochs ? "max_epochs" : null;
  }

  /**
   * Draws from these positions of the training split; null for all of it. Without
   * `enforceSamplerState` the epoch begins anew.
   */
  drawFrom(indices: Int32Array | null, { epoch, cursor }: SamplerState): void {
    this.indices = indices;
    this.sampler = this.#samplerAt({ epoch, cursor: this.config.enforceSamplerState ? cursor : 0 });
  }

  /** Starts the stream that `Math.random` draws from until the next phase begins. */
  enterPhase(purpose: Purpose, ...keys: number[]): void {
    this.#random.rekey(keyedStream(this.config.seed, purpose, ...keys));
  }

  /** The position of everything but tensors, as a checkpoint keeps it. */
  captureState(): JsonObject {
    const scaler = this.scaler.capture();
    return {
      numerics_version: NUMERICS_VERSION,
      seed: this.config.seed,
      step: this.step,
      origin_step: this.originStep,
      axis_step: this.axisStep,
      epoch: this.epoch,
      sampler: { ...this.sampler.capture() },
      hparams: toWireConfig(this.hparams) as JsonObject,
      val_loss: this.valLoss,
      tested_at: this.testedAt,
      totals: { ...this.totals },
      scaler: scaler === null ? null : { ...scaler },
      schedule: this.schedule?.capture?.() ?? null,
      ...this.#scheduleFrom && { schedule_from: { ...this.#scheduleFrom } },
      callbacks: this.callbacks.map((callback) => callback.capture?.() ?? null),
    };
  }

  /** The counterpart of {@linkcode captureState}, after the tensors have been restored. */
  restoreState(state: RunState, indices: Int32Array | null): void {
    this.step = state.step;
    this.originStep = state.origin_step;
    this.epoch = state.epoch;
    this.valLoss = state.val_loss;
    this.testedAt = state.tested_at;
    const atPlace = this.config.enforceSamplerState || state.sampler.cursor === 0;
    this.totals = atPlace ? { ...state.totals } : noTotals();
    this.hparams = patchHparams(this.hparams, state.hparams);
    this.#scheduleFrom = state.schedule_from;
    this.scaler.restore(state.scaler);
    if (state.schedule !== null) this.schedule?.restore?.(state.schedule);
    this.callbacks.forEach((callback, at) => {
      const kept = state.callbacks[at] ?? null;
      if (kept !== null) callback.restore?.(kept);
    });
    this.drawFrom(indices, state.sampler);
  }

  /** The module's own begins as it was made, whatever it has seen before. */
  #scheduleOf(choice: ScheduleChoice): Schedule | null {
    if (choice !== "module") return choice === null ? null : namedSchedule(choice);
    if (this.#ownScheduleAtStart !== null) this.#ownSchedule?.restore?.(this.#ownScheduleAtStart);
    return this.#ownSchedule;
  }

  #samplerAt(state: SamplerState): Sampler {
    const indices = this.indices ??
      Int32Array.from({ length: this.data.train.length }, (_, i) => i);
    const { batchSize, seed, dataOrderPolicy: policy } = this.config;
    return new Sampler({ indices, batchSize, seed, policy, state });
  }
}
