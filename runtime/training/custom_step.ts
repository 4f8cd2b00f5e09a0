import * as tf from "@tensorflow/tfjs";
import { OptimizerGroup } from "../checkpoints/optimizer_group.ts";
import type { Batch } from "../data/dataset.ts";
import type { JobContext, Model } from "../job_definition.ts";
import type { StepScaler } from "./loss_scaler.ts";
import type { StepOutcome } from "./train_step.ts";
import type { TrainingRun } from "./training_run.ts";

/** What a module's own `valStep` or `testStep` is given. The session disposes the batch. */
export interface EvaluationStepArguments {
  model: Model;
  batch: Batch;
  ctx: JobContext;
}

/** What a module's own `trainStep` is given. */
export interface TrainStepArguments extends EvaluationStepArguments {
  /** The job's optimizer; the first of several. Checkpoints hold the state of all. */
  optimizer: tf.Optimizer;
  /** All of them, by the names that the module gave; one alone is `optimizer`. */
  optimizers: Readonly<Record<string, tf.Optimizer>>;
  /** Scales losses as `config.lossScale` says; its calls change nothing where that is null. */
  scaler: StepScaler;
}

/** Figures of one batch, by name. `loss` and `accuracy` have their places in events and charts. */
export type StepFigures = Record<string, number>;

/** Steps that a module takes over from the runner. Tensors they make are disposed after each. */
export interface CustomSteps {
  /** One update; replaces loss, gradients, clipping and update. */
  trainStep?: ((step: TrainStepArguments) => StepFigures | Promise<StepFigures>) | undefined;
  /** One batch of validation; figures are means over its samples. */
  valStep?: ((step: EvaluationStepArguments) => StepFigures | Promise<StepFigures>) | undefined;
  /** One batch of a test; `valStep` where there is none. */
  testStep?: ((step: EvaluationStepArguments) => StepFigures | Promise<StepFigures>) | undefined;
}

/** Runs the module's `trainStep` on one batch. */
export async function customTrainStep(
  run: TrainingRun,
  trainStep: NonNullable<CustomSteps["trainStep"]>,
  batch: Batch,
): Promise<StepOutcome> {
  const lr = run.scheduleLr();
  const { handle: { model }, ctx, scaler } = run;
  const { optimizer, optimizers } = optimizersIn(run);
  const skipped = scaler.figures["skipped_steps"] ?? 0;
  const figures = await figuresOf(
    "trainStep",
    () => trainStep({ model, optimizer, optimizers, scaler, batch, ctx }),
  );
  const { loss = null, accuracy = null, ...figuresOfItsOwn } = figures;
  // Then the loss may have overflowed by its scale as well.
  const backedOff = (scaler.figures["skipped_steps"] ?? 0) > skipped;
  return {
    loss,
    accuracy,
    gradNorm: null,
    samples: samplesOf(batch),
    lr,
    applied: !backedOff && (loss === null || Number.isFinite(loss)),
    backedOff,
    figures: { ...figuresOfItsOwn, ...scaler.figures },
  };
}

function optimizersIn({ optimizer }: TrainingRun) {
  if (!OptimizerGroup.is(optimizer)) return { optimizer, optimizers: { optimizer } };
  return { optimizer: optimizer.first, optimizers: optimizer.members };
}

/** Runs a step of the module's own, with the tensors it makes disposed after it. */
export async function figuresOf(
  name: keyof CustomSteps,
  step: () => StepFigures | Promise<StepFigures>,
): Promise<StepFigures> {
  const engine = tf.engine();
  engine.startScope(name);
  try {
    const figures: Record<string, unknown> = await step();
    for (const [figure, value] of Object.entries(figures ?? {})) {
      if (typeof value === "number") continue;
      throw new TypeError(
        `${name} must return numbers by name; ${figure} is ${
          value instanceof tf.Tensor ? "a tensor, take its dataSync()[0]" : typeof value
        }`,
      );
    }
    return (figures ?? {}) as StepFigures;
  } finally {
    engine.endScope();
  }
}

/** How many samples a batch has. */
export function samplesOf({ xs }: Batch): number {
  const first = xs instanceof tf.Tensor ? xs : Object.values(xs)[0];
  return first?.shape[0] ?? 1;
}
