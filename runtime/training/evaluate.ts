import * as tf from "@tensorflow/tfjs";
import type { Dataset } from "../data/dataset.ts";
import { MetricAccumulator } from "../metrics/metric.ts";
import { countCorrect } from "./accuracy.ts";
import type { TrainingRun } from "./training_run.ts";

/** A split, evaluated. The loss is a mean over samples; accuracy is in [0, 1]. */
export interface Evaluation {
  samples: number;
  loss: number | null;
  accuracy: number | null;
  /** Figures of the module's metrics, by name. */
  metrics: Record<string, number | null>;
}

/** What {@linkcode evaluate} tells while it goes, once a batch. */
export interface EvaluationProgress {
  batch: number;
  batches: number;
  loss: number;
}

const SMALLEST_BATCH = 256;

/**
 * Mean loss, accuracy and the module's metrics of a dataset in inference mode, in dataset order. Neither the weights nor
 * what training draws from `Math.random` afterwards is touched.
 *
 * @throws {MetricError} when a metric of the module throws.
 */
export async function evaluate(
  run: TrainingRun,
  dataset: Dataset,
  onBatch?: (progress: EvaluationProgress) => void | Promise<void>,
): Promise<Evaluation> {
  const size = Math.max(run.config.batchSize, SMALLEST_BATCH);
  const batches = Math.ceil(dataset.length / size);
  let lossSum = 0;
  let correctSum: number | null = 0;
  const metrics = new MetricAccumulator(run.metrics);
  run.enterPhase("evaluate", run.axisStep);
  for (let index = 0; index < batches; index++) {
    const first = index * size;
    const count = Math.min(size, dataset.length - first);
    const batch = await dataset.batch(Int32Array.from({ length: count }, (_, i) => first + i));
    let correct: number | null = null;
    const loss = tf.tidy(() => {
      const predictions = run.handle.apply(batch.xs, false);
      metrics.update({ yTrue: batch.ys, yPred: predictions });
      correct = countCorrect(batch.ys, predictions, run.loss.name);
      return run.loss.mean(batch.ys, predictions, batch.weights).dataSync()[0]!;
    });
    tf.dispose([batch.xs, batch.ys, batch.weights ?? []]);
    lossSum += loss * count;
    correctSum = correct === null || correctSum === null ? null : correctSum + correct;
    await onBatch?.({ batch: index + 1, batches, loss });
  }
  const mean = lossSum / dataset.length;
  return {
    samples: dataset.length,
    loss: Number.isFinite(mean) ? mean : null,
    accuracy: correctSum === null ? null : correctSum / dataset.length,
    metrics: metrics.compute(),
  };
}
