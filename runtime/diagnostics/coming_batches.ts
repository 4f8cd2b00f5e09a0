import * as tf from "@tensorflow/tfjs";
import { BatchFeed, type FedBatch } from "../data/batch_feed.ts";
import type { TrainingRun } from "../training/training_run.ts";

/**
 * The batches that the run would train on next, until they hold `samples`: drawn by a scout, in the
 * streams of their own, so that training draws the same ones again. Each lives until the next.
 */
export async function* comingBatches(run: TrainingRun, samples: number): AsyncGenerator<FedBatch> {
  const { data, config: { seed, batchSize } } = run;
  const available = run.indices?.length ?? data.train.length;
  const batches = Math.ceil(Math.min(samples, available) / batchSize);
  using feed = new BatchFeed({
    sampler: run.sampler.ahead(),
    data,
    config: { seed, prefetch: 0 },
  });
  for (let count = 0; count < batches; count++) {
    const fed = await feed.next();
    const { batch } = fed;
    try {
      yield fed;
    } finally {
      tf.dispose([batch.xs, batch.ys, batch.weights ?? []]);
    }
  }
}
