import { withOwnStream } from "../determinism/own_stream.ts";
import { keyedStream } from "../determinism/rng.ts";
import { collate, disposeSamples } from "./collate.ts";
import type { Batch, Dataset, Draw } from "./dataset.ts";
import type { Sample, SampleSource } from "./sample.ts";

/** A dataset in either form: batches by indices, or samples one by one. */
export type AnyDataset = Dataset | SampleSource;

/**
 * A dataset of samples made one by one, collated into batches. The samples of a batch are made
 * side by side: one that waits for a file does not hold up the others.
 *
 * @throws {TypeError} unless it has `length` and `sample()`.
 *
 * @example
 * ```ts ignore
 * const train = defineDataset({
 *   length: names.length,
 *   sample: async (index, rng) => ({
 *     xs: flip(decode(await folder.file(names[index])), rng.next() < 0.5),
 *     ys: labels[index],
 *   }),
 * });
 * ```
 */
export function defineDataset(source: SampleSource): Dataset {
  if (
    !Number.isInteger(source.length) || source.length < 0 || typeof source.sample !== "function"
  ) {
    throw new TypeError("defineDataset takes { length, sample(index, rng) }");
  }
  return new SampleDataset(source);
}

/** The dataset itself, or one that collates the samples of a source. */
export function asDataset(dataset: AnyDataset): Dataset {
  return "batch" in dataset ? dataset : new SampleDataset(dataset);
}

/** Batches of a {@linkcode SampleSource}. */
export class SampleDataset implements Dataset {
  constructor(readonly source: SampleSource) {}

  /** Count of samples. */
  get length(): number {
    return this.source.length;
  }

  /** Names of the classes. */
  get classNames(): readonly string[] | undefined {
    return this.source.classNames;
  }

  /** The class of every sample, where the source knows. */
  get labels(): Int32Array | undefined {
    return this.source.labels;
  }

  /** At once where every sample is, else a promise. Without `draw`: seed 0, epoch 0. */
  batch(indices: Int32Array, draw: Draw = { seed: 0, epoch: 0 }): Batch | Promise<Batch> {
    for (const index of indices) {
      if (index >= 0 && index < this.length) continue;
      throw new RangeError(`index ${index} is not within the ${this.length} samples`);
    }
    const samples = Array.from(indices, (index) => drawSample(this.source, index, draw));
    if (samples.some((sample) => sample instanceof Promise)) return collateLater(samples, indices);
    return collateNow(samples as Sample[], indices);
  }
}

/** One sample with its own stream, whichever batch it is in. */
export function drawSample(
  source: SampleSource,
  index: number,
  { seed, epoch }: Draw,
): Sample | Promise<Sample> {
  const rng = keyedStream(seed, "sample", epoch, index);
  return withOwnStream(rng, () => source.sample(index, rng));
}

/** Waits for all, also where one fails: none may go on behind the back of whoever asked. */
async function collateLater(
  pending: (Sample | Promise<Sample>)[],
  indices: Int32Array,
): Promise<Batch> {
  const settled = await Promise.allSettled(pending);
  const samples = settled.flatMap((end) => end.status === "fulfilled" ? [end.value] : []);
  const failed = settled.find((end) => end.status === "rejected");
  if (failed === undefined) return collateNow(samples, indices);
  disposeSamples(samples);
  throw failed.reason;
}

function collateNow(samples: Sample[], indices: Int32Array): Batch {
  try {
    return collate(samples, indices);
  } finally {
    disposeSamples(samples);
  }
}
