import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { captureWeights } from "../../runtime/checkpoints/weights.ts";
import { keyedStream } from "../../runtime/determinism/rng.ts";
import { recalculateStatistics, statisticsKeys } from "../../runtime/merging/batch_norm.ts";
import { Candidates, meanLoss, unionOf } from "../../runtime/merging/candidates.ts";
import { mergeWeights } from "../../runtime/merging/strategies.ts";
import { readValues } from "../../runtime/backends/tensor_view.ts";
import { MergeBench, range } from "../fixtures/merge_bench.ts";

const breathe = () => Promise.resolve();

Deno.test("recalculateStatistics() sets the mean of the batches' means and variances, and nothing else", async () => {
  await using bench = await MergeBench.open();
  const { run } = bench;
  await bench.train(10);
  const before = captureWeights(run.handle);
  const keys = statisticsKeys(run.handle);
  assertEquals([...keys], ["0006/moving_mean", "0007/moving_variance"]);
  const rows = range(0, 100);
  const pass = { dataset: run.data.train, rows, batchSize: 30, seed: 3, rekey() {}, breathe };
  const { numTensors } = tf.memory();
  await recalculateStatistics(run.handle, pass);
  assertEquals(tf.memory().numTensors, numTensors);
  const after = captureWeights(run.handle);
  for (const [key, { values }] of before) {
    if (!keys.has(key)) assertEquals(after.get(key)!.values, values);
  }

  // By hand, in float64: the same order, three whole batches, then the mean over the batches.
  const order = rows.slice();
  keyedStream(3, "merge", 100).shuffle(order);
  const [kernel, bias] = [...before.values()].map(({ values }) => values);
  const sums = { mean: new Float64Array(8), variance: new Float64Array(8) };
  for (let first = 0; first < 90; first += 30) {
    const { xs, ys } = await run.data.train.batch(order.slice(first, first + 30));
    const values = readValues(xs as tf.Tensor).slice();
    tf.dispose([xs, ys]);
    for (let unit = 0; unit < 8; unit++) {
      const column = Array.from(
        { length: 30 },
        (_, row) =>
          values[row * 2]! * kernel![unit]! + values[row * 2 + 1]! * kernel![8 + unit]! +
          bias![unit]!,
      );
      const mean = column.reduce((sum, value) => sum + value, 0) / 30;
      sums.mean[unit]! += mean / 3;
      sums.variance[unit]! += column.reduce((sum, x) => sum + (x - mean) ** 2, 0) / 30 / 3;
    }
  }
  const [mean, variance] = [...keys].map((key) => after.get(key)!.values);
  for (let unit = 0; unit < 8; unit++) {
    assertAlmostEquals(mean![unit]!, sums.mean[unit]!, 1e-4);
    assertAlmostEquals(variance![unit]!, sums.variance[unit]!, 1e-3);
  }
});

Deno.test("recalculateStatistics() leaves training as it was: the layer's own momentum is back", async () => {
  await using bench = await MergeBench.open();
  const { run } = bench;
  const layer = (run.handle.model as tf.LayersModel).layers[1] as unknown as { momentum: number };
  await recalculateStatistics(run.handle, {
    dataset: run.data.train,
    rows: range(0, 50),
    batchSize: 7,
    seed: 0,
    rekey() {},
    breathe,
  });
  assertEquals(layer.momentum, 0.9);
});

Deno.test("Candidates recalculate what an average of weights makes wrong, the same each time", async () => {
  await using bench = await MergeBench.open();
  const { run } = bench;
  const one = await bench.train(60, range(0, 100));
  const other = await bench.train(120, range(100, 300));
  const candidates = new Candidates(run, range(0, 300), "recalculate", breathe);
  const merged = mergeWeights("swa", {
    parents: [one, other],
    averaged: candidates.statistics,
  }, {});
  const settled = await candidates.settled(merged);
  const again = await candidates.settled(merged);
  assertEquals(again, settled);
  const [mean] = [...candidates.statistics];
  const average = [...one.get(mean!)!.values].map((value, at) =>
    Math.fround((value + other.get(mean!)!.values[at]!) / 2)
  );
  assertEquals([...merged.get(mean!)!.values], average);
  assert(settled.get(mean!)!.values.some((value, at) => value !== average[at]));
  const averaging = new Candidates(run, range(0, 300), "average", breathe);
  assertEquals(await averaging.settled(merged), merged);
  const scores = await candidates.scores(settled, { dataset: run.data.gate!, indices: null });
  assertEquals(scores.losses.length, 180);
  assert(meanLoss(scores)! < 1);
});

Deno.test("unionOf() has each row once, and all of them where one parent had all", () => {
  assertEquals(unionOf([Int32Array.of(4, 2), Int32Array.of(2, 9)], 10), Int32Array.of(2, 4, 9));
  assertEquals(unionOf([Int32Array.of(4), null], 3), Int32Array.of(0, 1, 2));
});
