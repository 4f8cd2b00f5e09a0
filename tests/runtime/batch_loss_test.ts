import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "../../runtime/backends/choose.ts";
import { readValues } from "../../runtime/backends/tensor_view.ts";
import { keyedStream } from "../../runtime/determinism/rng.ts";
import { installSeededRandom } from "../../runtime/determinism/seeded_math_random.ts";
import { scannedLosses } from "../fixtures/scanned_losses.ts";
import { defineJob, type JobDefinition, type LossBatch, tensorDataset } from "../../runtime/mod.ts";
import { buildJob } from "../../runtime/session/load_job.ts";
import { evaluate } from "../../runtime/training/evaluate.ts";
import {
  type BatchGradients,
  batchGradients,
  sumGradients,
} from "../../runtime/training/gradients.ts";
import { trainLoop } from "../../runtime/training/train_loop.ts";
import type { TrainingRun } from "../../runtime/training/training_run.ts";

const SAMPLES = 12;
const WEIGHTS = Array.from({ length: SAMPLES }, (_, at) => [0, 1, 2.5][at % 3]!);

const points = () => tf.tensor2d(Array.from({ length: SAMPLES }, (_, at) => [at / 6, 1 - at / 9]));
const targets = () => tf.tensor2d(Array.from({ length: SAMPLES }, (_, at) => [Math.sin(at)]));
const weights = () => tf.tensor1d(WEIGHTS);
const squares = (yTrue: unknown, yPred: tf.Tensor) =>
  tf.squaredDifference(yTrue as tf.Tensor, yPred);

const PLAIN = defineJob({
  config: { batchSize: 4 },
  model: () => tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] }),
  optimizer: () => tf.train.sgd(0.1),
  loss: "meanSquaredError",
  data: () => ({ train: tensorDataset(points(), targets(), { weights: weights() }) }),
});

async function withRun(
  changes: Partial<JobDefinition>,
  test: (run: TrainingRun) => void | Promise<void>,
  config: Record<string, unknown> = {},
): Promise<void> {
  await chooseBackend("wasm", 1);
  const random = installSeededRandom(keyedStream(0, "setup"));
  try {
    const { run } = await buildJob({ ...PLAIN, ...changes }, {
      context: { config, membership_seed: null },
      random,
      log: () => {},
      file: () => Promise.reject(new Error("no files")),
    });
    await test(run);
  } finally {
    random.uninstall();
  }
}

async function gradientsOf(run: TrainingRun, ...positions: number[]): Promise<BatchGradients> {
  const indices = Int32Array.from(positions);
  const batch = await run.data.train.batch(indices);
  const gradients = batchGradients(run, batch, indices);
  tf.dispose([batch.xs, batch.ys, batch.weights ?? []]);
  return gradients;
}

const valuesOf = ({ gradients }: BatchGradients) =>
  gradients.flatMap((gradient) => [...readValues(gradient!)]);

Deno.test("per-sample weights: a batch's gradient is the weighted mean of its samples' own", async (t) => {
  for (const loss of ["meanSquaredError", squares] as const) {
    await t.step(typeof loss === "string" ? loss : "a function", async () => {
      await withRun({ loss }, async (run) => {
        const alone = await Promise.all([1, 2, 3, 5].map((at) => gradientsOf(run, at)));
        const together = await gradientsOf(run, 1, 2, 3, 5);
        const total = 1 + 2.5 + 0 + 2.5;
        // A sample of weight 0 alone has no mean; in a batch it counts for nothing.
        const weighed = valuesOf(together).map((_, at) =>
          [0, 1, 3].reduce(
            (sum, of) => sum + [1, 2.5, 0, 2.5][of]! * valuesOf(alone[of]!)[at]! / total,
            0,
          )
        );
        valuesOf(together).forEach((value, at) => assertAlmostEquals(value, weighed[at]!, 1e-5));
        const mean = [0, 1, 3].reduce(
          (sum, of) => sum + [1, 2.5, 0, 2.5][of]! * alone[of]!.loss / total,
          0,
        );
        assertAlmostEquals(together.loss, mean, 1e-6);
      });
    });
  }
});

Deno.test("per-sample weights: accumulated batches are one batch, and a split one mean", async () => {
  const data = () => ({ train: PLAIN_DATA(), val: PLAIN_DATA() });
  await withRun({ data }, async (run) => {
    const parts = [await gradientsOf(run, 0, 1, 2, 4), await gradientsOf(run, 5, 6)];
    const summed = sumGradients(parts);
    const whole = await gradientsOf(run, 0, 1, 2, 4, 5, 6);
    assertAlmostEquals(summed.loss, whole.loss, 1e-6);
    valuesOf(summed).forEach((value, at) => assertAlmostEquals(value, valuesOf(whole)[at]!, 1e-5));
    const all = await gradientsOf(run, ...Array.from({ length: SAMPLES }, (_, at) => at));
    assertAlmostEquals((await evaluate(run, "val")).loss!, all.loss, 1e-6);
  });
});

const PLAIN_DATA = () => tensorDataset(points(), targets(), { weights: weights() });

Deno.test("a loss that takes the batch sees inputs, positions, weights, and what the run knows", async (t) => {
  const seen: (Omit<LossBatch, "xs" | "weights" | "ctx"> & { rows: number; weighed: number[] })[] =
    [];
  const loss = (yTrue: unknown, yPred: tf.Tensor, batch: LossBatch) => {
    const { xs, indices, weights, training, ctx } = batch;
    assertEquals([ctx.seed, ctx.hparams["margin"]], [3, 0.5]);
    seen.push({
      indices: indices.slice(),
      training,
      rows: (xs as tf.Tensor).shape[0]!,
      weighed: weights === undefined ? [] : [...readValues(weights)],
    });
    return squares(yTrue, yPred);
  };
  const data = () => ({ train: PLAIN_DATA(), val: tensorDataset(points(), targets()) });
  const changes = { loss, data, hparams: { margin: 0.5 } };
  await withRun(changes, async (run) => {
    await t.step("in training: every sample of the epoch, by its position", async () => {
      await trainLoop(run, {
        gate: () => "go on",
        onStep: () => {},
        onEpochEnd: () => Promise.resolve(),
        checkpoint: () => {},
      });
      const positions = seen.flatMap(({ indices }) => [...indices]);
      assertEquals(positions.toSorted((a, b) => a - b), [...Array(SAMPLES).keys()]);
      for (const { indices, weighed, rows, training } of seen) {
        assertEquals(weighed, [...indices].map((at) => WEIGHTS[at]));
        assertEquals([rows, training], [indices.length, true]);
      }
    });
    await t.step("in validation: that split's, in its order, without weights", async () => {
      seen.length = 0;
      await evaluate(run, "val");
      assertEquals(seen.map(({ indices }) => [...indices]), [[...Array(SAMPLES).keys()]]);
      assertEquals([seen[0]!.weighed, seen[0]!.training], [[], false]);
    });
    await t.step("in a scan: the samples that are asked about", async () => {
      seen.length = 0;
      const indices = Int32Array.from([7, 2, 9]);
      const { handle, loss, data: { train: dataset } } = run;
      const losses = await scannedLosses({ handle, loss, dataset, indices, batchSize: 2 });
      assertEquals(losses.length, 3);
      assertEquals(seen.map(({ indices }) => [...indices]), [[7, 2], [9]]);
    });
  }, { seed: 3, max_epochs: 1, val_every_n_epochs: 0 });
});

Deno.test("a loss that takes the batch may weigh it itself; one that does not is refused", async () => {
  const own = (yTrue: unknown, yPred: tf.Tensor, { weights }: LossBatch) => {
    const losses = tf.mean(squares(yTrue, yPred), -1);
    if (weights === undefined) return tf.mean(losses);
    return tf.div(tf.sum(tf.mul(losses, weights)), tf.sum(weights));
  };
  const blind = (yTrue: unknown, yPred: tf.Tensor) => tf.mean(squares(yTrue, yPred));
  await withRun({ loss: own }, async (run) => {
    const weighed = await gradientsOf(run, 1, 2, 3, 5);
    await withRun({}, async (named) => {
      const expected = await gradientsOf(named, 1, 2, 3, 5);
      assertAlmostEquals(weighed.loss, expected.loss, 1e-6);
    });
  });
  const data = () => ({ train: PLAIN_DATA() });
  await withRun({ loss: blind, data }, async (run) => {
    const indices = Int32Array.from([1, 2]);
    const batch = await run.data.train.batch(indices);
    assertThrows(() => batchGradients(run, batch, indices), TypeError, "take the batch and weigh");
  }).catch((error: Error) => assert(error.message.includes("take the batch and weigh")));
});

Deno.test("tensorDataset() refuses weights that weigh nothing", async () => {
  await chooseBackend("cpu", 1);
  const made = (values: tf.Tensor) => () =>
    tensorDataset(points(), targets(), { weights: values as tf.Tensor1D });
  assertThrows(made(tf.tensor1d([1, 2])), RangeError, "xs, ys and weights need one row a sample");
  assertThrows(made(tf.fill([SAMPLES], -1)), TypeError, "weights hold -1");
  assertThrows(made(tf.fill([SAMPLES], NaN)), TypeError, "weights hold NaN");
  assertThrows(made(tf.ones([SAMPLES, 1])), TypeError, "weights have shape [12,1]");
});
