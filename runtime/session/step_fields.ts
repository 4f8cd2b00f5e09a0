import type { TrainerEvents } from "../protocol/events.ts";
import type { StepReport } from "../training/train_loop.ts";
import type { TrainingRun } from "../training/training_run.ts";

/** What `trainStep` says of a step that the run has just made. */
export function stepFields(run: TrainingRun, report: StepReport): TrainerEvents["trainStep"] {
  const { telemetry } = report;
  return {
    ...telemetry,
    ...report.figures,
    step: run.step,
    axis_step: run.axisStep,
    epoch: run.epoch,
    loss: report.loss,
    val_loss: run.valLoss,
    accuracy: report.accuracy,
    lr: report.lr,
    grad_norm: report.gradNorm,
    weight_norm: report.weightNorm,
    activation_zero_frac: telemetry["activation_zero_frac"] ?? null,
    throughput: report.throughput,
    mem_vram: telemetry["mem_vram"] ?? null,
    gpu_util: telemetry["gpu_util"] ?? null,
  };
}
