import { keyedStream } from "../determinism/rng.ts";
import type { Dataset } from "../data/dataset.ts";
import { clusterPoints } from "../inspection/clusters.ts";
import { embedderOf } from "../inspection/embedder.ts";
import { embedSamples } from "../inspection/embed_samples.ts";
import type { Points } from "../inspection/points.ts";
import type { TrainingRun } from "../training/training_run.ts";

/** Samples that were clustered, and where the model stood then. */
export interface Clustered {
  clustering: { k: number; layer?: string | undefined };
  /** Positions in the training split; null for all of it. */
  indices: Int32Array | null;
  axisStep: number;
  batchSize: number;
}

/**
 * The clusters that held-out samples fall into: those of the training samples, at the model as it
 * is, by the nearest mean. -1 for one whose place is not finite.
 */
export async function heldOutClusters(
  run: TrainingRun,
  dataset: Dataset,
  { clustering: { k, layer }, indices, axisStep, batchSize }: Clustered,
): Promise<Int32Array> {
  const embedder = embedderOf(run.handle, run.embedding, layer);
  // The stream that the fork's own scan drew from, for either embedding, so that places agree.
  const stream = () => keyedStream(run.ctx.seed, "selection", axisStep);
  const random = stream();
  const trained = await embedSamples({
    embedder,
    dataset: run.data.train,
    indices,
    batchSize,
    random,
  });
  const { cluster } = clusterPoints(trained, k, random);
  const means = meansOf(trained, cluster, k);
  const held = await embedSamples({
    embedder,
    dataset,
    indices: null,
    batchSize,
    random: stream(),
  });
  return Int32Array.from({ length: held.count }, (_, at) => nearest(held, at, means));
}

function meansOf({ width, values }: Points, cluster: Int32Array, k: number): Float64Array[] {
  const sums = Array.from({ length: k }, () => new Float64Array(width));
  const counts = new Float64Array(k);
  cluster.forEach((group, at) => {
    if (group < 0) return;
    counts[group]!++;
    for (let column = 0; column < width; column++) {
      sums[group]![column]! += values[at * width + column]!;
    }
  });
  return sums.map((sum, group) => sum.map((value) => value / counts[group]!));
}

function nearest({ width, values }: Points, at: number, means: readonly Float64Array[]): number {
  let [best, least] = [-1, Infinity];
  means.forEach((mean, group) => {
    let distance = 0;
    for (let column = 0; column < width; column++) {
      distance += (values[at * width + column]! - mean[column]!) ** 2;
    }
    if (distance < least) [best, least] = [group, distance];
  });
  return best;
}
