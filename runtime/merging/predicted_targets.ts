import * as tf from "@tensorflow/tfjs";
import type { RandomStream } from "../determinism/rng.ts";

/** Targets that the model itself finds likely, and how likely; of one sample, [1, ...]. */
export interface PredictedTarget {
  target: tf.Tensor;
  weight: number;
}

/** Classes up to which an expectation goes through all of them. */
const MOST_CLASSES = 16;
/** Below this a class adds nothing that float32 would hold. */
const NEGLIGIBLE = 1e-6;

/**
 * What to take an expectation over, of one sample: every class with its probability where there is
 * one distribution over few classes, else one target drawn from the predictions. The regressions
 * are read as the likelihoods whose logarithm they are: Gaussian and Laplacian noise of unit scale.
 *
 * @param loss Name of the loss.
 * @param predictions [1, ...], as the loss takes them.
 * @returns null for a loss whose likelihood nobody knows.
 */
export function predictedTargets(
  loss: string,
  predictions: tf.Tensor,
  random: RandomStream,
): PredictedTarget[] | null {
  switch (loss) {
    case "categoricalCrossentropy":
      return classTargets(predictions, random, false);
    case "softmaxCrossEntropy":
      return classTargets(tf.softmax(predictions), random, false);
    case "sparseCategoricalCrossentropy":
      return classTargets(predictions, random, true);
    case "binaryCrossentropy":
      return binaryTargets(predictions, random);
    case "meanSquaredError":
      return drawn(predictions, (value) => value + gaussian(random));
    case "meanAbsoluteError":
      return drawn(predictions, (value) => value + laplacian(random));
    default:
      return null;
  }
}

function classTargets(
  probabilities: tf.Tensor,
  random: RandomStream,
  sparse: boolean,
): PredictedTarget[] {
  const classes = probabilities.shape.at(-1)!;
  const places = probabilities.shape.slice(0, -1);
  const values = probabilities.dataSync();
  const target = (chosen: Int32Array) =>
    sparse
      ? tf.tensor(chosen, places, "int32")
      : tf.oneHot(tf.tensor(chosen, places, "int32"), classes).toFloat();
  if (values.length === classes && classes <= MOST_CLASSES) {
    return [...values].flatMap((weight, label) =>
      weight < NEGLIGIBLE ? [] : [{ target: target(Int32Array.of(label)), weight }]
    );
  }
  const chosen = Int32Array.from({ length: values.length / classes }, (_, place) => {
    let left = random.next();
    for (let label = 0; label < classes - 1; label++) {
      left -= values[place * classes + label]!;
      if (left < 0) return label;
    }
    return classes - 1;
  });
  return [{ target: target(chosen), weight: 1 }];
}

function binaryTargets(predictions: tf.Tensor, random: RandomStream): PredictedTarget[] {
  const [p] = predictions.dataSync();
  if (predictions.size > 1) {
    return drawn(predictions, (probability) => Number(random.next() < probability));
  }
  return [{ label: 0, weight: 1 - p! }, { label: 1, weight: p! }]
    .filter(({ weight }) => weight >= NEGLIGIBLE)
    .map(({ label, weight }) => ({ target: tf.fill(predictions.shape, label), weight }));
}

function drawn(predictions: tf.Tensor, draw: (value: number) => number): PredictedTarget[] {
  const values = Float32Array.from(predictions.dataSync(), draw);
  return [{ target: tf.tensor(values, predictions.shape), weight: 1 }];
}

/** Box and Muller, A Note on the Generation of Random Normal Deviates (1958). */
function gaussian(random: RandomStream): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}

function laplacian(random: RandomStream): number {
  const u = random.next() - 0.5;
  return -Math.sign(u) * Math.log(1 - 2 * Math.abs(u));
}
