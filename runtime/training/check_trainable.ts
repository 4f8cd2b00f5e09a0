import * as tf from "@tensorflow/tfjs";
import type { Batch } from "../data/dataset.ts";
import { predictions } from "./model_handle.ts";
import type { TrainingRun } from "./training_run.ts";
import { untrainableLayer } from "./untrainable_layer.ts";

/** A model that cannot make a step, said before the first. */
export class UntrainableModelError extends Error {
  override name = "UntrainableModelError";
}

/**
 * Makes one gradient of a single sample and throws it away, so that what the backend cannot train
 * fails the job before its first step, by the layer's name. Takes milliseconds; weights, statistics
 * and states of layers are afterwards what they were. A module's own `trainStep` may use its model
 * in ways of its own, so nothing is tried then.
 *
 * @throws {UntrainableModelError} that names the layer, where one alone is at fault.
 */
export async function checkTrainable(run: TrainingRun): Promise<void> {
  const { model } = run.handle;
  if (run.steps.trainStep !== undefined || !(model instanceof tf.LayersModel)) return;
  const { length } = run.data.train;
  // One sample, unless the model is made for batches of one size, as stateful ones are.
  const size = model.inputs[0]?.shape[0] ?? 1;
  const batch = await run.data.train.batch(Int32Array.from({ length: size }, (_, i) => i % length));
  try {
    restoringStatistics(run, model, () => tryGradient(run, model, batch));
  } finally {
    tf.dispose([batch.xs, batch.ys, batch.weights ?? []]);
  }
}

function tryGradient({ handle }: TrainingRun, model: tf.LayersModel, batch: Batch): void {
  const apply = () => predictions(model, batch.xs, true);
  try {
    tf.tidy(() => void tf.variableGrads(() => tf.sum(apply()), handle.trainable));
  } catch (cause) {
    const layer = untrainableLayer(model, apply);
    const { message } = layer?.error ?? (cause as Error);
    const what = layer === null ? "the model" : `layer ${layer.place}`;
    const how = layer?.forward ? "computed" : "trained";
    throw new UntrainableModelError(
      `${what} cannot be ${how} on ${tf.getBackend()}: ${message}`,
      { cause },
    );
  }
}

/** Layers such as batch normalization move weights of theirs when they are applied. */
function restoringStatistics(run: TrainingRun, model: tf.LayersModel, work: () => void): void {
  const moved = run.handle.weights.filter(({ trainable }) => !trainable);
  const before = moved.map(({ variable }) => variable.clone());
  try {
    work();
  } finally {
    moved.forEach(({ variable }, at) => variable.assign(before[at]!));
    tf.dispose(before);
    if (model.stateful) model.resetStates();
  }
}
