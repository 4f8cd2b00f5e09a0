import * as tf from "@tensorflow/tfjs";
import type { Batch } from "../data/dataset.ts";
import { countCorrect } from "./metrics.ts";
import { l2Norm } from "./norms.ts";
import type { TrainingRun } from "./training_run.ts";

/** What one optimizer step came to. Norms are global L2 norms, before clipping. */
export interface StepOutcome {
  loss: number;
  /** Share of the batch predicted right, in [0, 1]; null where the loss has no classes. */
  accuracy: number | null;
  gradNorm: number;
  samples: number;
  /** False when the loss or a gradient was not finite and the update was left out. */
  applied: boolean;
}

/**
 * One step: forward, loss, gradients, clipping, update. The batch is not disposed.
 *
 * An update that is not finite would destroy the weights, so unless the config says `ignore` it is
 * left out; the caller decides what happens then.
 */
export function trainStep(run: TrainingRun, batch: Batch): StepOutcome {
  const { handle, loss, config } = run;
  let predictions: tf.Tensor | undefined;
  const { value, grads } = tf.variableGrads(() => {
    predictions = tf.keep(handle.apply(batch.xs, true));
    return loss.mean(batch.ys, predictions, batch.weights);
  }, handle.trainable);
  const gradients = handle.trainable.map((variable) => grads[variable.name] ?? null);
  const present = gradients.filter((gradient) => gradient !== null);
  try {
    const lossValue = value.dataSync()[0]!;
    const samples = predictions!.shape[0] ?? 1;
    const correct = countCorrect(batch.ys, predictions!, loss.name);
    const gradNorm = l2Norm(present);
    const finite = Number.isFinite(lossValue) && Number.isFinite(gradNorm);
    const applied = finite || config.onNonFinite === "ignore";
    if (applied) applyClipped(run, gradients, gradNorm);
    return {
      loss: lossValue,
      accuracy: correct === null ? null : correct / samples,
      gradNorm,
      samples,
      applied,
    };
  } finally {
    tf.dispose([value, predictions!, ...present]);
  }
}

/** Scales the gradient to `gradClipNorm` where it is longer, and moves the weights. */
function applyClipped(run: TrainingRun, gradients: (tf.Tensor | null)[], norm: number): void {
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
