/** The job that overheads are measured on: MLP 32-64-2, batch 128, synthetic data. */
import * as tf from "@tensorflow/tfjs";
import { defineJob, tensorDataset } from "onthefly";

const SAMPLES = 4_096;
const FEATURES = 32;

function halves() {
  const xs = tf.randomUniform([SAMPLES, FEATURES], -1, 1, "float32", 1);
  const side = tf.tidy(() => tf.cast(tf.greater(tf.sum(xs, 1), 0), "int32"));
  return tensorDataset(xs as tf.Tensor2D, tf.oneHot(side as tf.Tensor1D, 2) as tf.Tensor2D);
}

export default defineJob({
  project: "bench",
  runName: "mlp",
  config: { maxEpochs: 1_000_000, batchSize: 128, seed: 1, valEveryNEpochs: 0 },
  model: () =>
    tf.sequential({
      layers: [
        tf.layers.dense({ inputShape: [FEATURES], units: 64, activation: "relu" }),
        tf.layers.dense({ units: 2 }),
      ],
    }),
  optimizer: () => tf.train.adam(1e-3),
  loss: "softmaxCrossEntropy",
  data: () => ({ train: halves() }),
});
