import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { startWasm } from "../../runtime/backends/wasm/start.ts";
import { filled } from "../fixtures/layer_gradients.ts";

type Loss = (target: tf.Tensor, predicted: tf.Tensor) => tf.Tensor;

/** A target, and a prediction to be derived by; both [4, 3]. */
const targets = {
  number: () => filled([4, 3], 0.4),
  oneHot: () => tf.oneHot(tf.tensor1d([2, 0, 1, 2], "int32"), 3),
  label: () => tf.tensor2d([[2], [0], [1], [2]]),
  sign: () => tf.sign(filled([4, 3], 0.4)),
};
const score = () => filled([4, 3], 1.3);
const probability = () => tf.softmax(score() as tf.Tensor2D);
const positive = () => tf.add(score(), 1.5);

/** Every loss of tf.losses and those of tf.metrics that have a gradient. */
const LOSSES: Record<string, [Loss, target: () => tf.Tensor, predicted: () => tf.Tensor]> = {
  absoluteDifference: [tf.losses.absoluteDifference, targets.number, score],
  computeWeightedLoss: [(_, x) => tf.losses.computeWeightedLoss(x), targets.number, score],
  cosineDistance: [(y, x) => tf.losses.cosineDistance(y, x, 1), targets.number, score],
  hingeLoss: [tf.losses.hingeLoss, () => tf.relu(targets.sign()), score],
  huberLoss: [(y, x) => tf.losses.huberLoss(y, x, undefined, 0.5), targets.number, score],
  logLoss: [tf.losses.logLoss, targets.oneHot, probability],
  meanSquaredError: [tf.losses.meanSquaredError, targets.number, score],
  sigmoidCrossEntropy: [
    (y, x) => tf.losses.sigmoidCrossEntropy(y, x, undefined, 0.1),
    targets.oneHot,
    score,
  ],
  softmaxCrossEntropy: [
    (y, x) => tf.losses.softmaxCrossEntropy(y, x, undefined, 0.1),
    targets.oneHot,
    score,
  ],
  "metrics.binaryCrossentropy": [tf.metrics.binaryCrossentropy, targets.oneHot, probability],
  "metrics.categoricalCrossentropy": [
    tf.metrics.categoricalCrossentropy,
    targets.oneHot,
    probability,
  ],
  "metrics.cosineProximity": [tf.metrics.cosineProximity, targets.number, score],
  "metrics.meanAbsoluteError": [tf.metrics.meanAbsoluteError, targets.number, score],
  "metrics.meanAbsolutePercentageError": [
    tf.metrics.meanAbsolutePercentageError,
    targets.number,
    positive,
  ],
  "metrics.meanSquaredError": [tf.metrics.meanSquaredError, targets.number, score],
  "regularizers.l1": [(_, x) => tf.regularizers.l1().apply(x), targets.number, score],
  "regularizers.l2": [(_, x) => tf.regularizers.l2().apply(x), targets.number, score],
  "regularizers.l1l2": [(_, x) => tf.regularizers.l1l2().apply(x), targets.number, score],
};

/** What is minimized: the loss and its gradient by the prediction. */
function lossAndGradient(name: string): number[] {
  const [loss, target, predicted] = LOSSES[name]!;
  return tf.tidy(() => {
    const y = target();
    const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => tf.mean(loss(y, x)))(predicted());
    return [...value.dataSync(), ...grad.dataSync()];
  });
}

Deno.test("LOSSES names every loss of tf.losses and every regularizer", () => {
  const wanted = [
    ...Object.keys(tf.losses).filter((name) => name !== "Reduction"),
    ...Object.keys(tf.regularizers).map((name) => `regularizers.${name}`),
  ];
  assertEquals(wanted.filter((name) => LOSSES[name] === undefined), []);
});

for (const name of Object.keys(LOSSES)) {
  Deno.test(`${name} and its gradient on wasm equal cpu`, async () => {
    await startWasm();
    const buffers = tf.engine().backend.numDataIds();
    const actual = lossAndGradient(name);
    assertEquals(tf.engine().backend.numDataIds(), buffers);
    await tf.setBackend("cpu");
    const expected = lossAndGradient(name);
    assert(expected.some((value) => value !== 0));
    expected.forEach((value, at) =>
      assertAlmostEquals(actual[at]!, value, 1e-5 * Math.max(1, Math.abs(value)))
    );
  });
}

/** Every initializer, seeded; constraints, which move weights after a step. */
const WEIGHTS: Record<string, () => tf.Tensor> = {
  constant: () => tf.initializers.constant({ value: 2 }).apply([4, 3]),
  glorotNormal: () => tf.initializers.glorotNormal({ seed: 3 }).apply([4, 3]),
  glorotUniform: () => tf.initializers.glorotUniform({ seed: 3 }).apply([4, 3]),
  heNormal: () => tf.initializers.heNormal({ seed: 3 }).apply([4, 3]),
  heUniform: () => tf.initializers.heUniform({ seed: 3 }).apply([4, 3]),
  identity: () => tf.initializers.identity({ gain: 2 }).apply([4, 4]),
  leCunNormal: () => tf.initializers.leCunNormal({ seed: 3 }).apply([4, 3]),
  leCunUniform: () => tf.initializers.leCunUniform({ seed: 3 }).apply([4, 3]),
  ones: () => tf.initializers.ones().apply([4, 3]),
  orthogonal: () => tf.initializers.orthogonal({ seed: 3 }).apply([5, 4]),
  randomNormal: () => tf.initializers.randomNormal({ seed: 3 }).apply([4, 3]),
  randomUniform: () => tf.initializers.randomUniform({ seed: 3 }).apply([4, 3]),
  truncatedNormal: () => tf.initializers.truncatedNormal({ seed: 3 }).apply([4, 3]),
  varianceScaling: () =>
    tf.initializers.varianceScaling({
      scale: 2,
      mode: "fanIn",
      distribution: "normal",
      seed: 3,
    }).apply([4, 3]),
  zeros: () => tf.initializers.zeros().apply([4, 3]),
  maxNorm: () => tf.constraints.maxNorm({ maxValue: 0.5 }).apply(score()),
  minMaxNorm: () => tf.constraints.minMaxNorm({ minValue: 1, maxValue: 2 }).apply(score()),
  nonNeg: () => tf.constraints.nonNeg().apply(score()),
  unitNorm: () => tf.constraints.unitNorm({ axis: 0 }).apply(score()),
};

Deno.test("WEIGHTS names every initializer and constraint", () => {
  const wanted = [...Object.keys(tf.initializers), ...Object.keys(tf.constraints)];
  assertEquals(Object.keys(WEIGHTS).toSorted(), wanted.toSorted());
});

for (const [name, make] of Object.entries(WEIGHTS)) {
  Deno.test(`${name} on wasm equals cpu`, async () => {
    const values = () => tf.tidy(() => Array.from(make().dataSync() as Float32Array));
    await startWasm();
    const actual = values();
    await tf.setBackend("cpu");
    values().forEach((value, at) => assertAlmostEquals(actual[at]!, value, 1e-5));
  });
}
