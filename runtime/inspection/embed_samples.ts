import * as tf from "@tensorflow/tfjs";
import type { Dataset } from "../data/dataset.ts";
import type { RandomStream } from "../determinism/rng.ts";
import type { Embedder } from "./embedder.ts";
import type { Points } from "./points.ts";

/** Features that are kept of a sample: more are projected onto so many, distances nearly kept. */
const WIDEST = 64;

/** What {@linkcode embedSamples} embeds. */
export interface EmbedArguments {
  embedder: Embedder;
  dataset: Dataset;
  /** Samples, in this order; without it the whole dataset. */
  indices: Int32Array | null;
  batchSize: number;
  /** Draws the projection of wide features. */
  random: RandomStream;
  onBatch?: (done: number, total: number) => Promise<void>;
}

/**
 * The place of each sample, at most 64 wide: a wider space is projected by a matrix of random signs
 * (D. Achlioptas, "Database-friendly random projections", 2003). Memory grows by 256 bytes a sample.
 */
export async function embedSamples(
  { embedder, dataset, indices, batchSize, random, onBatch }: EmbedArguments,
): Promise<Points> {
  const count = indices?.length ?? dataset.length;
  let points: Points | undefined;
  let signs: tf.Tensor2D | undefined;
  try {
    for (let first = 0; first < count; first += batchSize) {
      const size = Math.min(batchSize, count - first);
      const wanted = indices?.slice(first, first + size) ??
        Int32Array.from({ length: size }, (_, offset) => first + offset);
      const batch = await dataset.batch(wanted);
      const embedded = tf.tidy(() => {
        const wide = embedder.embed(batch.xs);
        if (wide.shape[1]! <= WIDEST) return wide.clone();
        signs ??= tf.keep(randomSigns(wide.shape[1]!, random));
        return tf.matMul(wide, signs);
      });
      tf.dispose([batch.xs, batch.ys, batch.weights ?? []]);
      const width = embedded.shape[1]!;
      points ??= { count, width, values: new Float32Array(count * width) };
      points.values.set(embedded.dataSync<"float32">(), first * width);
      embedded.dispose();
      await onBatch?.(first + size, count);
    }
  } finally {
    tf.dispose(signs ?? []);
  }
  return points!;
}

function randomSigns(width: number, random: RandomStream): tf.Tensor2D {
  const scale = 1 / Math.sqrt(WIDEST);
  const signs = Float32Array.from(
    { length: width * WIDEST },
    () => random.nextInt(2) === 0 ? -scale : scale,
  );
  return tf.tensor2d(signs, [width, WIDEST]);
}
