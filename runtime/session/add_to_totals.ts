import type { StepReport } from "../training/train_loop.ts";
import type { EpochTotals } from "../training/training_run.ts";

/** Adds a step to its epoch's sums; one whose loss is not finite, or not told, adds nothing. */
export function addToTotals(totals: EpochTotals, { loss, accuracy, samples }: StepReport): void {
  if (loss === null || !Number.isFinite(loss)) return;
  totals.samples += samples;
  totals.loss += loss * samples;
  totals.correct = accuracy === null || totals.correct === null
    ? null
    : totals.correct + Math.round(accuracy * samples);
}
