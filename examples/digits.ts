/**
 * Handwritten digits, 8 x 8 pixels: a small dense network reaches about 98% on unseen samples.
 *
 *   deno task submit examples/digits.ts --file examples/data/digits.csv.gz --follow
 */
import { csv, defineJob, split } from "onthefly";
import * as tf from "@tensorflow/tfjs";

export default defineJob({
  project: "digits",
  runName: "baseline",
  config: {
    maxEpochs: 100,
    batchSize: 64,
    seed: 42,
    gradClipNorm: 1,
    ckptEverySteps: 50,
    ckptKeep: 5,
    valEveryNEpochs: 1,
    testAfter: true,
  },

  model: () =>
    tf.sequential({
      layers: [
        tf.layers.dense({ inputShape: [64], units: 64, activation: "relu" }),
        tf.layers.dense({ units: 10, activation: "softmax" }),
      ],
    }),
  optimizer: () => tf.train.adam(1e-3),
  loss: "categoricalCrossentropy",

  data: async (ctx) => {
    // One row a digit: 64 pixels from 0 to 16, then which digit it is.
    const digits = await csv(await ctx.file("digits.csv.gz"), {
      label: -1,
      classes: 10,
      scale: 1 / 16,
      classNames: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    });
    return split(digits, { train: 0.7, val: 0.1, test: 0.2 }, { seed: ctx.seed, stratify: true });
  },
});
