import type { Dataset } from "../data/dataset.ts";
import { keyedStream } from "../determinism/rng.ts";
import { clusterPoints } from "../inspection/clusters.ts";
import { embedderOf } from "../inspection/embedder.ts";
import { embedSamples } from "../inspection/embed_samples.ts";
import { scanSamples } from "../inspection/scan_samples.ts";
import type { SampleTable } from "../protocol/resolve_selection.ts";
import { clusterings, columnsNeeded, type Selection } from "../protocol/selection.ts";
import type { TrainingRun } from "../training/training_run.ts";

const SMALLEST_BATCH = 256;

type Clustering = ReturnType<typeof clusterings>[number];

/**
 * What a selection needs to know of samples, at the model as it is.
 *
 * @param samples Positions in the dataset; null for all of it.
 * @param clustersOf The cluster of each sample; by default the samples are grouped by themselves.
 */
export async function sampleTable(
  run: TrainingRun,
  selection: Selection,
  { dataset, indices }: { dataset: Dataset; indices: Int32Array | null },
  progress: (done: number, total: number) => void,
  clustersOf?: (clustering: Clustering) => Promise<Int32Array>,
): Promise<SampleTable> {
  const { handle, loss, config } = run;
  const count = indices?.length ?? dataset.length;
  const needed = columnsNeeded(selection);
  const table: SampleTable = { count };
  const onBatch = (done: number, total: number) => Promise.resolve(progress(done, total));
  const batchSize = Math.max(config.batchSize, SMALLEST_BATCH);
  const scan = { handle, loss, dataset, indices, batchSize, onBatch };
  if (needed.has("loss") || needed.has("label")) {
    const losses = table.loss = new Float32Array(count);
    const [label, prediction] = [new Int32Array(count), new Int32Array(count)];
    let first = 0;
    const { form } = await scanSamples({
      ...scan,
      training: false,
      onRows: (rows) => {
        losses.set(rows.loss, first);
        if (rows.outcomes !== null) {
          label.set(rows.outcomes.label, first);
          prediction.set(rows.outcomes.prediction, first);
        }
        first += rows.loss.length;
      },
    });
    if (form !== null) Object.assign(table, { label, prediction });
  }
  const [clustering] = clusterings(selection);
  if (clustering !== undefined && clustersOf !== undefined) {
    table.cluster = await clustersOf(clustering);
  } else if (clustering !== undefined) {
    // The stream of a report's clusters at this step, so that the numbers mean the same groups.
    const random = keyedStream(run.ctx.seed, "selection", run.axisStep);
    const embedder = embedderOf(handle, run.embedding, clustering.layer);
    const points = await embedSamples({ ...scan, embedder, random });
    table.cluster = clusterPoints(points, clustering.k, random).cluster;
  }
  return table;
}
