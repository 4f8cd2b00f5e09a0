/** An MLP on a dataset `files` of small files, 784 bytes each, one a sample. */
import * as tf from "@tensorflow/tfjs";
import { defineDataset, defineJob } from "onthefly";

const VALUES = 784;

export default defineJob({
  config: { batchSize: 128, maxEpochs: 100, valEveryNEpochs: 0 },
  model: () =>
    tf.sequential({
      layers: [
        tf.layers.dense({ units: 512, activation: "relu", inputShape: [VALUES] }),
        tf.layers.dense({ units: 256, activation: "relu" }),
        tf.layers.dense({ units: 10, activation: "softmax" }),
      ],
    }),
  optimizer: () => tf.train.adam(1e-3),
  loss: "categoricalCrossentropy",
  hparams: { memory: false },
  data: async (ctx) => {
    const files = await ctx.dataset("files");
    const held = ctx.hparams["memory"]
      ? await Promise.all(files.files.map((name) => files.file(name)))
      : [];
    const sampleOf = (bytes: Uint8Array, index: number) => {
      const ys = new Float32Array(10);
      ys[index % 10] = 1;
      return { xs: Float32Array.from(bytes, (value) => value / 255), ys };
    };
    return {
      train: defineDataset({
        length: files.files.length,
        sample: held.length > 0
          ? (index) => sampleOf(held[index]!, index)
          : async (index) => sampleOf(await files.file(files.files[index]!), index),
      }),
    };
  },
});
