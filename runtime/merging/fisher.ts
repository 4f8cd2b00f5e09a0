import * as tf from "@tensorflow/tfjs";
import { readValues } from "../backends/tensor_view.ts";
import type { HostTensor } from "../checkpoints/host_tensor.ts";
import type { Batch, Dataset } from "../data/dataset.ts";
import { keyedStream, type RandomStream } from "../determinism/rng.ts";
import { lossGradients } from "../training/backward.ts";
import type { ResolvedLoss } from "../training/losses.ts";
import type { ModelHandle } from "../training/model_handle.ts";
import { mapTensors } from "./map_tensors.ts";
import { MergeError } from "./merge_error.ts";
import type { ModelWeights } from "./parents.ts";
import { predictedTargets } from "./predicted_targets.ts";
import { sharesOf, weighted } from "./weighted.ts";

/** Diagonal Fisher information by key of the trainable weights; at least 0. */
export type Fisher = ReadonlyMap<string, Float64Array>;

/** On what a Fisher is computed. */
export interface FisherArguments {
  handle: ModelHandle;
  loss: ResolvedLoss;
  dataset: Dataset;
  /** Positions in `dataset`, one sample at a time. */
  rows: Int32Array;
  /** Observed labels in place of the model's own predictions. */
  empirical: boolean;
  /** Draws targets where an expectation cannot go through all of them. */
  seed: number;
  /** Awaited after each sample. */
  onSample: (done: number) => Promise<void>;
}

/**
 * Diagonal Fisher information of a model at its weights, in inference mode: the mean over the
 * samples of E[(d log p(y | x) / d w)^2], y drawn from the model's own p(y | x); exactly where there
 * is one distribution over at most 16 classes, else by one draw a sample. Sums are float64.
 *
 * With `empirical`, y is the observed label: not the Fisher, and dominated by wrong labels (Kunstner
 * et al., Limitations of the Empirical Fisher Approximation, 2019).
 *
 * @throws {MergeError} when no gradient reaches a weight, one is not finite, or the loss is a
 * function, whose likelihood nobody knows, and `empirical` was not asked for.
 */
export async function diagonalFisher(given: FisherArguments): Promise<Fisher> {
  const { handle, dataset, rows, seed, onSample } = given;
  const trainable = handle.weights.filter((weight) => weight.trainable);
  const fisher = new Map(
    trainable.map(({ key, variable }) => [key, new Float64Array(variable.size)]),
  );
  const random = keyedStream(seed, "merge", 2, rows.length);
  for (let at = 0; at < rows.length; at++) {
    const batch = await dataset.batch(rows.slice(at, at + 1));
    try {
      tf.tidy(() => addSample(fisher, given, batch, random));
    } finally {
      tf.dispose([batch.xs, batch.ys, batch.weights ?? []]);
    }
    await onSample(at + 1);
  }
  let total = 0;
  for (const [key, sums] of fisher) {
    for (let at = 0; at < sums.length; at++) total += sums[at]! /= rows.length;
    if (!Number.isFinite(total)) throw new MergeError(`the Fisher of ${key} is not finite`);
  }
  if (total > 0) return fisher;
  throw new MergeError(
    `no gradient reaches ${trainable[0]!.key} or any other weight: there is no Fisher`,
  );
}

function addSample(
  fisher: Fisher,
  { handle, loss, empirical }: FisherArguments,
  { xs, ys }: Batch,
  random: RandomStream,
): void {
  const targets = empirical
    ? [{ target: ys, weight: 1 }]
    : predictedTargets(loss.name, handle.apply(xs, false), random);
  if (targets === null) {
    throw new MergeError(
      "a loss function has no likelihood to take an expectation of; params.empirical takes the " +
        "observed labels",
    );
  }
  const keys = [...fisher.keys()];
  for (const { target, weight } of targets) {
    const { value, gradients } = derived(
      keys[0]!,
      () => lossGradients(() => loss.mean(target, handle.apply(xs, false)), handle.trainable),
    );
    gradients.forEach((gradient, position) => {
      if (gradient === null) return;
      const sums = fisher.get(keys[position]!)!;
      const values = readValues(gradient);
      for (let at = 0; at < sums.length; at++) sums[at]! += weight * values[at]! ** 2;
      gradient.dispose();
    });
    value.dispose();
  }
}

/** What is said of a model that cannot be derived does not name the matter. */
function derived<T>(key: string, derive: () => T): T {
  try {
    return derive();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MergeError(`there is no gradient of ${key}, and so no Fisher: ${reason}`, { cause });
  }
}

/**
 * Fisher-weighted mean: w = (sum over i of c_i F_i w_i) / (sum over i of c_i F_i), entry by entry, in
 * float64. Each F_i is divided by its mean over all weights, so that a parent with large gradients
 * does not drown the others, then raised to `floor`, so that what no parent holds is a plain mean.
 *
 * Matena and Raffel, Merging Models with Fisher-Weighted Averaging (2022), equation 4.
 *
 * @param fishers One a parent. Weights that they lack, not being trained, are averaged by c.
 * @param coefficients c, one a parent.
 */
export function fisherMean(
  parents: readonly ModelWeights[],
  fishers: readonly Fisher[],
  { floor, coefficients }: { floor: number; coefficients: readonly number[] },
): Map<string, HostTensor> {
  const shares = sharesOf(coefficients, parents.length);
  const means = fishers.map(meanOf);
  const plain = weighted(parents, coefficients);
  return mapTensors(parents, (tensors, key) => {
    const own = fishers.map((fisher) => fisher.get(key));
    if (own.includes(undefined)) return plain.get(key)!.values as Float32Array;
    return tensors[0]!.map((_, at) => {
      let sum = 0;
      let total = 0;
      tensors.forEach((values, parent) => {
        const held = Math.max(floor, own[parent]![at]! / means[parent]!) * shares[parent]!;
        sum += held * values[at]!;
        total += held;
      });
      return sum / total;
    });
  });
}

function meanOf(fisher: Fisher): number {
  let sum = 0;
  let count = 0;
  for (const values of fisher.values()) {
    for (const value of values) sum += value;
    count += values.length;
  }
  return sum / count;
}

/** `count` of the rows, drawn by the seed, ascending; all where there are no more. */
export function sampleRows(rows: Int32Array, count: number, seed: number): Int32Array {
  const drawn = rows.slice();
  keyedStream(seed, "merge", 3).shuffle(drawn);
  return drawn.slice(0, count).sort();
}
