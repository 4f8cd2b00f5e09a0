import * as tf from "@tensorflow/tfjs";
import type { Batch } from "../data/dataset.ts";
import { MetricAccumulator } from "../metrics/metric.ts";
import { countCorrect } from "./accuracy.ts";
import { batchWeight } from "./batch_weight.ts";
import { type CustomSteps, figuresOf } from "./custom_step.ts";
import type { Splits, TrainingRun } from "./training_run.ts";

/** A split, evaluated. The loss is a mean over samples by their weights; accuracy is in [0, 1]. */
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
 * Mean loss, accuracy and the module's metrics of a split in inference mode, in dataset order.
 * The run must have it. Neither the weights nor
 * what training draws from `Math.random` afterwards is touched.
 *
 * @param among Positions in the split, in the order in which they are looked at; null for all of it.
 * @throws {MetricError} when a metric of the module throws.
 */
export async function evaluate(
  run: TrainingRun,
  split: keyof Splits,
  onBatch?: (progress: EvaluationProgress) => void | Promise<void>,
  among: Int32Array | null = null,
): Promise<Evaluation> {
  const dataset = run.data[split]!;
  const samples = among?.length ?? dataset.length;
  const size = Math.max(run.config.batchSize, SMALLEST_BATCH);
  const batches = Math.ceil(samples / size);
  let lossSum = 0;
  let weightSum = 0;
  let correctSum: number | null = 0;
  const metrics = new MetricAccumulator(run.metrics);
  const figures = new FigureSums();
  const own = ownStep(run, split);
  run.enterPhase("evaluate", run.axisStep);
  for (let index = 0; index < batches; index++) {
    const first = index * size;
    const count = Math.min(size, samples - first);
    const indices = among?.slice(first, first + count) ??
      Int32Array.from({ length: count }, (_, i) => first + i);
    const batch = await dataset.batch(indices);
    const result = await (own === undefined
      ? evaluateBatch(run, batch, indices, metrics)
      : evaluateOwn(run, own, batch, count, figures));
    // A step of the module's own answers means over its samples.
    const weight = own === undefined ? batchWeight(batch, count) : count;
    tf.dispose([batch.xs, batch.ys, batch.weights ?? []]);
    lossSum += result.loss * weight;
    weightSum += weight;
    correctSum = result.correct === null || correctSum === null
      ? null
      : correctSum + result.correct;
    await onBatch?.({ batch: index + 1, batches, loss: result.loss });
  }
  const mean = lossSum / weightSum;
  return {
    samples,
    loss: Number.isFinite(mean) ? mean : null,
    accuracy: correctSum === null ? null : correctSum / samples,
    metrics: { ...metrics.compute(), ...figures.means(samples) },
  };
}

interface BatchResult {
  loss: number;
  /** Samples predicted right, a fraction where a step of the module's own says so. */
  correct: number | null;
}

type EvaluationStep = NonNullable<CustomSteps["valStep"]>;

function ownStep({ steps }: TrainingRun, split: keyof Splits): EvaluationStep | undefined {
  return split === "test" ? steps.testStep ?? steps.valStep : steps.valStep;
}

function evaluateBatch(
  run: TrainingRun,
  batch: Batch,
  indices: Int32Array,
  metrics: MetricAccumulator,
): BatchResult {
  let correct: number | null = null;
  const loss = tf.tidy(() => {
    const predictions = run.handle.apply(batch.xs, false);
    metrics.update({ yTrue: batch.ys, yPred: predictions });
    correct = countCorrect(batch.ys, predictions, run.loss.name);
    const seen = { xs: batch.xs, indices, training: false };
    return run.loss.mean(batch.ys, predictions, batch.weights, seen).dataSync()[0]!;
  });
  return { loss, correct };
}

async function evaluateOwn(
  { handle: { model }, ctx }: TrainingRun,
  step: EvaluationStep,
  batch: Batch,
  samples: number,
  sums: FigureSums,
): Promise<BatchResult> {
  const figures = await figuresOf("valStep", () => step({ model, batch, ctx }));
  const { loss = NaN, accuracy, ...others } = figures;
  sums.add(others, samples);
  return { loss, correct: accuracy === undefined ? null : accuracy * samples };
}

/** Sums of figures, each weighted by the samples it is a mean of. */
class FigureSums {
  readonly #sums = new Map<string, number>();

  add(figures: Record<string, number>, samples: number): void {
    for (const [name, value] of Object.entries(figures)) {
      this.#sums.set(name, (this.#sums.get(name) ?? 0) + value * samples);
    }
  }

  means(samples: number): Record<string, number | null> {
    return Object.fromEntries(
      [...this.#sums].map(([name, sum]) => [name, Number.isFinite(sum) ? sum / samples : null]),
    );
  }
}
