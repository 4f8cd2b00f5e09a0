import * as tf from "@tensorflow/tfjs";
import { type BatchGradients, sumGradients } from "./gradients.ts";
import { l2Norm } from "./norms.ts";
import type { TrainingRun } from "./training_run.ts";

/** What one optimizer step came to. */
export interface StepOutcome {
  /** Null where a module's own step does not say. */
  loss: number | null;
  /** Share of the samples predicted right, in [0, 1]; null where the loss has no classes. */
  accuracy: number | null;
  /** Global L2 norm of the gradient, before it is clipped by norm; null in a module's own step. */
  gradNorm: number | null;
  samples: number;
  lr: number;
  /** False when the loss or a gradient was not finite and the update was left out. */
  applied: boolean;
  /** True when that was the loss scale's doing alone: it has fallen, and training goes on. */
  backedOff: boolean;
  /** What else a module's own step returned, by name, and what the loss scaler says. */
  figures: Readonly<Record<string, number>>;
}

/**
 * Makes one step of the gradients of its batches: clipping, learning rate, update. An update that
 * is not finite would destroy the weights, so it is left out; the caller decides what happens then.
 */
export function trainStep(run: TrainingRun, batches: readonly BatchGradients[]): StepOutcome {
  const { loss, correct, samples, gradients: scaled } = sumGradients(batches);
  const gradients = run.scaler.unscale(scaled);
  const backedOff = Number.isFinite(loss) && run.scaler.check(gradients) === "too large";
  const clipped = clipByValue(gradients, run.config.gradClipValue);
  const present = clipped.filter((gradient) => gradient !== null);
  const gradNorm = l2Norm(present);
  const applied = !backedOff && Number.isFinite(loss) && Number.isFinite(gradNorm);
  const lr = run.scheduleLr();
  if (applied) applyGradients(run, clipped, gradNorm);
  tf.dispose(present);
  const accuracy = correct === null ? null : correct / samples;
  return { loss, accuracy, gradNorm, samples, lr, applied, backedOff, figures: run.scaler.figures };
}

function clipByValue(gradients: (tf.Tensor | null)[], limit: number | null): (tf.Tensor | null)[] {
  if (limit === null) return gradients;
  return gradients.map((gradient) => {
    if (gradient === null) return null;
    const clipped = tf.clipByValue(gradient, -limit, limit);
    gradient.dispose();
    return clipped;
  });
}

/** Scales the gradient to `gradClipNorm` where it is longer, and moves the weights. */
function applyGradients(run: TrainingRun, gradients: (tf.Tensor | null)[], norm: number): void {
  const limit = run.gradClipNorm;
  const scale = limit !== null && norm > limit ? limit / norm : 1;
  tf.tidy(() => {
    // By position, a missing gradient too: optimizer slots are kept by position.
    const named = run.handle.trainable.map((variable, position) => {
      const gradient = gradients[position] ?? null;
      const tensor = gradient !== null && scale !== 1 ? tf.mul(gradient, scale) : gradient;
      return { name: variable.name, tensor } as { name: string; tensor: tf.Tensor };
    });
    run.optimizer.applyGradients(named);
  });
}
