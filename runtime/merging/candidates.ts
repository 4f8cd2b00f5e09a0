import type { HostTensor } from "../checkpoints/host_tensor.ts";
import { captureWeights } from "../checkpoints/weights.ts";
import type { Dataset } from "../data/dataset.ts";
import { scanSamples } from "../inspection/scan_samples.ts";
import type { BatchNormPolicy } from "../protocol/merge_gate.ts";
import type { TrainingRun } from "../training/training_run.ts";
import { assignWeights } from "./assign_weights.ts";
import { recalculateStatistics, statisticsKeys } from "./batch_norm.ts";
import type { ModelWeights } from "./parents.ts";

/** Samples that models are compared on. */
export interface SampleSet {
  dataset: Dataset;
  /** Positions in the dataset; null for all. */
  indices: Int32Array | null;
}

/** How one model does on each sample of a set. */
export interface Scores {
  losses: Float32Array;
  /** 1 where the predicted class is the label; null where there are no classes. */
  correct: Uint8Array | null;
}

const SMALLEST_BATCH = 256;

/**
 * Candidate weights, tried one after another in the run's own model: statistics of batch
 * normalization, and how each does on sets of samples. The model keeps the last one's weights.
 */
export class Candidates {
  /** Keys of statistics of batch normalization; none without such layers. */
  readonly statistics: ReadonlySet<string>;

  /**
   * @param rows Training samples that statistics are recalculated on: the parents', together.
   * @param breathe Awaited now and then, so that others get their turn.
   */
  constructor(
    readonly run: TrainingRun,
    readonly rows: Int32Array,
    readonly policy: BatchNormPolicy,
    readonly breathe: () => Promise<void>,
  ) {
    this.statistics = statisticsKeys(run.handle);
  }

  /** The same weights with statistics as the policy has them for what is made of several models. */
  async settled(weights: ModelWeights): Promise<ModelWeights> {
    return this.policy === "recalculate" ? await this.recalculated(weights) : weights;
  }

  /** The same weights with statistics recalculated; without such layers the very same. */
  async recalculated(weights: ModelWeights): Promise<ModelWeights> {
    if (this.statistics.size === 0) return weights;
    const { run, rows, breathe } = this;
    assignWeights(run.handle, weights);
    const { batchSize, seed } = run.config;
    await recalculateStatistics(run.handle, {
      dataset: run.data.train,
      rows,
      batchSize,
      seed,
      rekey: () => run.enterPhase("merge", rows.length),
      breathe,
    });
    const captured: Map<string, HostTensor> = captureWeights(run.handle);
    return captured;
  }

  /** Loss and rightness of each sample, in inference mode. */
  async scores(weights: ModelWeights, { dataset, indices }: SampleSet): Promise<Scores> {
    const { run, breathe } = this;
    assignWeights(run.handle, weights);
    run.enterPhase("evaluate", run.axisStep);
    const total = indices?.length ?? dataset.length;
    const losses = new Float32Array(total);
    const correct = new Uint8Array(total);
    let at = 0;
    let classes = true;
    await scanSamples({
      handle: run.handle,
      loss: run.loss,
      dataset,
      indices,
      batchSize: Math.max(run.config.batchSize, SMALLEST_BATCH),
      training: false,
      onRows: ({ loss, outcomes }) => {
        losses.set(loss, at);
        classes &&= outcomes !== null;
        outcomes?.label.forEach((label, row) => {
          correct[at + row] = Number(label === outcomes.prediction[row]);
        });
        at += loss.length;
      },
      onBatch: breathe,
    });
    return { losses, correct: classes ? correct : null };
  }
}

/** The rows of several selections together, ascending; null selects all `length` of them. */
export function unionOf(
  selections: readonly (Int32Array | null)[],
  length: number,
): Int32Array {
  if (selections.includes(null)) return Int32Array.from({ length }, (_, row) => row);
  return Int32Array.from(new Set(selections.flatMap((rows) => [...rows!]))).sort();
}

/** Mean of the losses; null where one is not finite. */
export function meanLoss({ losses }: Scores): number | null {
  let sum = 0;
  for (const loss of losses) sum += loss;
  return Number.isFinite(sum) ? sum / losses.length : null;
}

/** Share of the samples that are right; null where there are no classes. */
export function meanAccuracy({ correct }: Scores): number | null {
  if (correct === null) return null;
  return correct.reduce((sum, right) => sum + right, 0) / correct.length;
}
