import { assertEquals } from "@std/assert";
import type { Dashboard } from "./dashboard.ts";

/** Three clouds of points with some overlap, so that a few samples are hard. */
const BLOBS_MODULE = `
import { defineJob, tensorDataset } from "onthefly";
import * as tf from "@tensorflow/tfjs";

function cloud(n: number, seed: number) {
  const labels = Array.from({ length: n }, (_, at) => at % 3);
  const centres = tf.tensor2d(labels.map((label) => [[0, 2], [2, -1], [-2, -1]][label]!));
  const xs = tf.add(centres, tf.randomNormal([n, 2], 0, 1, "float32", seed));
  return tensorDataset(xs, tf.oneHot(tf.tensor1d(labels, "int32"), 3), {
    classNames: ["north", "east", "west"],
  });
}

export default defineJob({
  project: "blobs",
  runName: "baseline",
  config: { maxEpochs: 3, batchSize: 30, seed: 7, ckptEverySteps: 10, ckptKeep: 20 },
  model: () =>
    tf.sequential({
      layers: [
        tf.layers.dense({ units: 8, inputShape: [2], activation: "relu" }),
        tf.layers.dense({ units: 3, activation: "softmax" }),
      ],
    }),
  optimizer: () => tf.train.adam(1e-2),
  loss: "categoricalCrossentropy",
  data: () => ({ train: cloud(300, 1), val: cloud(90, 2), test: cloud(90, 3) }),
});
`;

/** A job over three clouds of points that has trained to its end: 300 samples, 30 steps. */
export async function blobsJob({ server }: Dashboard): Promise<string> {
  const id = await server.submit(BLOBS_MODULE);
  const { state, error } = await server.state(id, "completed", "failed");
  assertEquals([state, error], ["completed", null]);
  return id;
}

/** Scans the training samples of a job at a checkpoint; answers the report. */
export async function scanned(
  { server }: Dashboard,
  job: string,
  request: Record<string, unknown> = {},
): Promise<Record<string, unknown>> {
  const { status, body } = await server.call("POST", `/jobs/${job}/report`, request);
  assertEquals(status, 200, JSON.stringify(body));
  return body;
}
