import * as tf from "@tensorflow/tfjs";
import type { Dataset } from "../data/dataset.ts";
import { keyedStream } from "../determinism/rng.ts";
import type { ModelHandle } from "../training/model_handle.ts";

/** A layer of batch normalization, as tfjs has it behind its types. */
interface BatchNormLayer {
  momentum: number;
  movingMean: { val: tf.Variable };
  movingVariance: { val: tf.Variable };
}

/** What statistics are recalculated on. */
export interface StatisticsPass {
  dataset: Dataset;
  /** Positions in `dataset`, each once. */
  rows: Int32Array;
  /** Samples a batch; a last, smaller one is left out. */
  batchSize: number;
  /** Decides the order of the rows. */
  seed: number;
  /** Puts `Math.random` at the beginning of the stream that dropout draws from. */
  rekey(): void;
  /** Awaited after each batch. */
  breathe(): Promise<void>;
}

/** Keys of the moving means and variances of a model. Those of a module's own layers are not seen. */
export function statisticsKeys(handle: ModelHandle): Set<string> {
  const variables = new Set(batchNormLayers(handle).flatMap(statisticsOf));
  return new Set(
    handle.weights.filter(({ variable }) => variables.has(variable)).map(({ key }) => key),
  );
}

/**
 * Puts the statistics of batch normalization where the model's weights would have them: reset, then
 * the cumulative mean of the batches' means and variances over one pass in training mode. Nothing
 * else of the model changes.
 *
 * Izmailov et al., Averaging Weights Leads to Wider Optima and Better Generalization (2018),
 * section 3.2; the cumulative mean is PyTorch's `update_bn`.
 */
export async function recalculateStatistics(
  handle: ModelHandle,
  { dataset, rows, batchSize, seed, rekey, breathe }: StatisticsPass,
): Promise<void> {
  const layers = batchNormLayers(handle);
  if (layers.length === 0) return;
  const order = rows.slice();
  keyedStream(seed, "merge", order.length).shuffle(order);
  for (const variable of layers.flatMap(statisticsOf)) {
    tf.tidy(() => variable.assign(tf.zerosLike(variable)));
  }
  const momenta = layers.map(({ momentum }) => momentum);
  rekey();
  try {
    const size = Math.min(batchSize, order.length);
    for (let seen = 0; (seen + 1) * size <= order.length; seen++) {
      // m_k = m_(k-1) (k - 1) / k + x_k / k is the mean of x_1 to x_k.
      for (const layer of layers) layer.momentum = seen / (seen + 1);
      const batch = await dataset.batch(order.slice(seen * size, (seen + 1) * size));
      tf.tidy(() => void handle.apply(batch.xs, true));
      tf.dispose([batch.xs, batch.ys, batch.weights ?? []]);
      await breathe();
    }
  } finally {
    layers.forEach((layer, at) => layer.momentum = momenta[at]!);
  }
}

function batchNormLayers({ model }: ModelHandle): BatchNormLayer[] {
  return model instanceof tf.LayersModel ? layersWithin(model) : [];
}

function layersWithin(model: tf.LayersModel): BatchNormLayer[] {
  return model.layers.flatMap((layer) => {
    if (layer instanceof tf.LayersModel) return layersWithin(layer);
    const isOne = layer.getClassName() === "BatchNormalization";
    return isOne ? [layer as unknown as BatchNormLayer] : [];
  });
}

function statisticsOf({ movingMean, movingVariance }: BatchNormLayer): tf.Variable[] {
  return [movingMean.val, movingVariance.val];
}
