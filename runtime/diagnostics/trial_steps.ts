import { RecentSteps } from "../telemetry/recent_steps.ts";
import { type StepReport, trainLoop } from "../training/train_loop.ts";
import type { TrainingRun } from "../training/training_run.ts";

/**
 * Trains some steps with the run's own loop, budgets aside: no validation, no callbacks, no
 * checkpoints, no events. Inside `undisturbed` the run is none the wiser.
 *
 * @returns What the steps cost.
 */
export async function trialSteps(
  run: TrainingRun,
  steps: number,
  onStep: (report: StepReport) => void | Promise<void> = () => {},
): Promise<RecentSteps> {
  const { recent } = run;
  const own = run.recent = new RecentSteps();
  run.config = { ...run.config, maxSteps: null, maxEpochs: Infinity, telemetry: [] };
  let left = steps;
  try {
    await trainLoop(run, {
      gate: () => Promise.resolve(left-- > 0 ? "go on" : "leave"),
      onStep,
      onEpochEnd: () => Promise.resolve(),
      checkpoint: () => {},
    });
  } finally {
    run.recent = recent;
  }
  return own;
}
