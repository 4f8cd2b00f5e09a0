/**
 * Training in a script of one's own. No server is needed; where one runs, the run shows up there
 * and takes its commands:
 *
 *   deno run -A examples/attach.ts
 */
import { tensorDataset, Trainer } from "onthefly";
import * as tf from "@tensorflow/tfjs";

/** Two interleaved rings with some noise; which ring a point is on is to be learned. */
function rings(samples: number): { xs: tf.Tensor2D; ys: tf.Tensor2D } {
  const points = Array.from({ length: samples }, (_, i) => {
    const [angle, radius] = [i * 2.399963, 1 + (i % 2) + Math.sin(i * 12.9898) * 0.3];
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  });
  const labels = points.map((_, i) => [i % 2]);
  return { xs: tf.tensor2d(points), ys: tf.tensor2d(labels) };
}

const train = rings(4_000);
const val = rings(401);

const trainer = new Trainer({
  project: "rings",
  runName: "script",
  maxEpochs: Number(Deno.args[0] ?? 30),
  batchSize: 32,
  seed: 7,
  ckptEverySteps: 200,
});

const { end, step, valLoss, checkpoint } = await trainer.fit({
  model: tf.sequential({
    layers: [
      tf.layers.dense({ inputShape: [2], units: 32, activation: "relu" }),
      tf.layers.dense({ units: 1, activation: "sigmoid" }),
    ],
  }),
  optimizer: tf.train.adam(1e-2),
  loss: "binaryCrossentropy",
  train: tensorDataset(train.xs, train.ys),
  val: tensorDataset(val.xs, val.ys),
});
console.log(`${end} at step ${step}, val_loss ${valLoss}, checkpoint ${checkpoint}`);
