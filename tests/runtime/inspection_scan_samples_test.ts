import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "../../runtime/backends/choose.ts";
import type { Dataset } from "../../runtime/data/dataset.ts";
import type { Loss, TensorOrRecord } from "../../runtime/job_definition.ts";
import { resolveLoss } from "../../runtime/training/losses.ts";
import { scannedLosses } from "../fixtures/scanned_losses.ts";
import { type ModelHandle, modelHandle } from "../../runtime/training/model_handle.ts";

const SAMPLES = 23;

/** Predicts x itself; in training mode something else. */
function identityModel(): ModelHandle {
  return modelHandle({
    apply: (xs: TensorOrRecord, { training }: { training: boolean }) =>
      training ? (xs as tf.Tensor).add(100) : (xs as tf.Tensor).clone(),
    weights: [],
  });
}

/** Sample i: x = [i, 2 i], y = [0, 0]; batches carry weights that a scan does not look at. */
function dataset(): Dataset {
  return {
    length: SAMPLES,
    batch: (indices) => ({
      xs: tf.tensor2d([...indices].map((index) => [index, 2 * index])),
      ys: tf.zeros([indices.length, 2]),
      weights: tf.zeros([indices.length]),
    }),
  };
}

/** Mean squared error of sample i, by plain arithmetic. */
const expected = Float32Array.from({ length: SAMPLES }, (_, i) => (i * i + 4 * i * i) / 2);

const LOSSES: Record<string, Loss> = {
  "a named loss": "meanSquaredError",
  "a function that answers one value a sample": (yTrue, yPred) =>
    tf.mean(tf.squaredDifference(yTrue as tf.Tensor, yPred), 1),
  "a function that answers a scalar": (yTrue, yPred) =>
    tf.losses.meanSquaredError(yTrue as tf.Tensor, yPred),
};

for (const backend of ["cpu", "wasm"] as const) {
  for (const [name, loss] of Object.entries(LOSSES)) {
    Deno.test(`scanSamples() with ${name} is exact and in order on ${backend}`, async () => {
      await chooseBackend(backend, 1);
      const handle = identityModel();
      const { numTensors } = tf.memory();
      for (const batchSize of [1, 5, SAMPLES, 100]) {
        const losses = await scannedLosses({
          handle,
          loss: resolveLoss(loss),
          dataset: dataset(),
          batchSize,
        });
        assertEquals(losses, expected);
      }
      assertEquals(tf.memory().numTensors, numTensors);
    });
  }
}

Deno.test("scanSamples() of indices keeps their order", async () => {
  await chooseBackend("cpu", 1);
  const indices = new Int32Array([20, 3, 3, 0, 22]);
  const losses = await scannedLosses({
    handle: identityModel(),
    loss: resolveLoss("meanSquaredError"),
    dataset: dataset(),
    indices,
    batchSize: 2,
  });
  assertEquals(losses, Float32Array.from(indices, (index) => expected[index]!));
});

Deno.test("scanSamples() keeps losses that are not finite", async () => {
  await chooseBackend("cpu", 1);
  const broken: Dataset = {
    length: 3,
    batch: () => ({ xs: tf.tensor2d([[NaN], [Infinity], [1]]), ys: tf.zeros([3, 1]) }),
  };
  const losses = await scannedLosses({
    handle: identityModel(),
    loss: resolveLoss("meanSquaredError"),
    dataset: broken,
    batchSize: 3,
  });
  assertEquals(losses, new Float32Array([NaN, Infinity, 1]));
});

Deno.test("scanSamples() takes several targets, sample by sample where it must", async () => {
  await chooseBackend("cpu", 1);
  const two: Dataset = {
    length: 3,
    batch: () => ({
      xs: tf.tensor2d([[1], [2], [3]]),
      ys: { near: tf.tensor2d([[1], [1], [1]]), far: tf.tensor2d([[0], [0], [0]]) },
    }),
  };
  const loss: Loss = (yTrue, yPred) => {
    const { near, far } = yTrue as Record<string, tf.Tensor>;
    return tf.sum(tf.add(tf.sub(yPred, near!), tf.sub(yPred, far!)));
  };
  const { numTensors } = tf.memory();
  const losses = await scannedLosses({
    handle: identityModel(),
    loss: resolveLoss(loss),
    dataset: two,
    batchSize: 3,
  });
  assertEquals(losses, new Float32Array([1, 3, 5]));
  assertEquals(tf.memory().numTensors, numTensors);
});

Deno.test("scanSamples() runs dropout and BatchNorm as in inference", async () => {
  await chooseBackend("cpu", 1);
  const handle = modelHandle(tf.sequential({
    layers: [
      tf.layers.batchNormalization({ inputShape: [2] }),
      tf.layers.dropout({ rate: 0.9 }),
    ],
  }));
  const scan = (batchSize: number) =>
    scannedLosses({
      handle,
      loss: resolveLoss("meanSquaredError"),
      dataset: dataset(),
      batchSize,
    });
  const losses = await scan(4);
  assertEquals(await scan(SAMPLES), losses, "no sample depends on its batch");
  losses.forEach((loss, i) => assertAlmostEquals(loss, expected[i]! / 1.001, 1e-2));
  handle.dispose();
});

Deno.test("scanSamples() tells how far it is after each batch", async () => {
  await chooseBackend("cpu", 1);
  const told: [number, number][] = [];
  await scannedLosses({
    handle: identityModel(),
    loss: resolveLoss("meanSquaredError"),
    dataset: dataset(),
    batchSize: 10,
    onBatch: (done, total) => {
      told.push([done, total]);
      return Promise.resolve();
    },
  });
  assertEquals(told, [[10, SAMPLES], [20, SAMPLES], [SAMPLES, SAMPLES]]);
});

Deno.test("scanSamples() of a loss that throws leaks no tensors", async () => {
  await chooseBackend("cpu", 1);
  const { numTensors } = tf.memory();
  const loss = resolveLoss(() => {
    throw new Error("no such loss");
  });
  await assertRejects(
    () => scannedLosses({ handle: identityModel(), loss, dataset: dataset(), batchSize: 5 }),
    Error,
    "no such loss",
  );
  assert(tf.memory().numTensors === numTensors);
});
