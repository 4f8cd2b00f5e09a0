import * as tf from "@tensorflow/tfjs";
import { BatchFeed } from "../data/batch_feed.ts";
import { customTrainStep } from "./custom_step.ts";
import { type BatchGradients, batchGradients } from "./gradients.ts";
import type { StepSample } from "../telemetry/step_sample.ts";
import { StepTelemetry, type TelemetryFigures } from "../telemetry/step_telemetry.ts";
import { l2Norm } from "./norms.ts";
import { type StepOutcome, trainStep } from "./train_step.ts";
import type { TrainingRun } from "./training_run.ts";

/** A finished step with what the loop measured around it. */
export interface StepReport extends StepOutcome {
  /** Global L2 norm of the trainable weights after the update. */
  weightNorm: number;
  /** Samples a second, data included. */
  throughput: number;
  /** What else was asked for; null where this step does not have it. */
  telemetry: TelemetryFigures;
}

/** What happens at the batch boundary. */
export interface LoopHooks {
  /** Before each step, past the gate. */
  onStepBegin?(): Promise<void>;
  /** After each step, before the gate. */
  onStep(report: StepReport): void | Promise<void>;
  /** After the last step of an epoch; `run.epoch` has been raised. */
  onEpochEnd(): Promise<void>;
  /** Commands take effect here. `leave` ends the loop. */
  gate(): Promise<"go on" | "leave"> | "go on";
  /** Ring checkpoints. */
  checkpoint(): void | Promise<void>;
}

/** Trains until a budget is spent or the gate says to leave; answers why it ended. */
export async function trainLoop(
  run: TrainingRun,
  hooks: LoopHooks,
): Promise<"max_steps" | "max_epochs" | "left"> {
  using feed = new BatchFeed(run);
  using telemetry = new StepTelemetry(run);
  while (true) {
    if (await hooks.gate() === "leave") return "left";
    const spent = run.spent;
    if (spent !== null) return spent;

    const opened = performance.now();
    await hooks.onStepBegin?.();
    const began = performance.now();
    const { outcome, endsEpoch, waited, sample } = await watchedStep(run, feed, telemetry);
    run.step++;
    const made = performance.now();
    run.recent.add({
      samples: outcome.samples,
      data: waited,
      compute: made - began - waited,
      after: began - opened,
      gate: 0,
      tensors: tf.engine().state.numTensors,
    });

    const weightNorm = l2Norm(run.handle.trainable);
    const throughput = outcome.samples * 1000 / (performance.now() - began);
    const figures = telemetry.figures(sample, waited / (made - began));
    await hooks.onStep({ ...outcome, weightNorm, throughput, telemetry: figures });
    if (endsEpoch) {
      run.epoch++;
      await hooks.onEpochEnd();
    }
    await hooks.checkpoint();
    run.recent.amend("after", performance.now() - made);
  }
}

/** A step that was made. */
interface MadeStep {
  outcome: StepOutcome;
  endsEpoch: boolean;
  /** Time that it waited for data, in ms. */
  waited: number;
}

/** Makes a step, watched where it is one of those that telemetry samples. */
async function watchedStep(
  run: TrainingRun,
  feed: BatchFeed,
  telemetry: StepTelemetry,
): Promise<MadeStep & { sample: StepSample | null }> {
  using sample = telemetry.begin(run.step + 1);
  run.sample = sample;
  try {
    return { ...await nextStep(run, feed), sample };
  } finally {
    run.sample = null;
  }
}

/** Fetches what a step takes and makes it: the module's own step, or the built-in one. */
async function nextStep(run: TrainingRun, feed: BatchFeed): Promise<MadeStep> {
  const { trainStep: own } = run.steps;
  const batches: BatchGradients[] = [];
  let waited = 0;
  for (;;) {
    const asked = performance.now();
    const { drawn: { endsEpoch, indices }, batch } = await feed.next();
    waited += performance.now() - asked;
    run.enterPhase("step", run.axisStep, batches.length);
    try {
      if (own !== undefined) {
        return { outcome: await customTrainStep(run, own, batch), endsEpoch, waited };
      }
      batches.push(batchGradients(run, batch, indices));
    } finally {
      tf.dispose([batch.xs, batch.ys, batch.weights ?? []]);
    }
    if (endsEpoch || batches.length === run.config.accumulateSteps) {
      return { outcome: trainStep(run, batches), endsEpoch, waited };
    }
  }
}
