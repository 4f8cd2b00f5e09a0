import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import type { Batch } from "../../runtime/data/dataset.ts";
import { DatasetError } from "../../runtime/data/dataset_error.ts";
import type { Sample } from "../../runtime/data/sample.ts";
import { defineDataset } from "../../runtime/data/sample_dataset.ts";
import { split } from "../../runtime/data/split.ts";
import { subset } from "../../runtime/data/subset.ts";

const draw = { seed: 5, epoch: 2 };
const noise = defineDataset({
  length: 50,
  sample: (index, rng) => ({ xs: [rng.next(), index], ys: index % 2 }),
});

async function rows(batch: Batch | Promise<Batch>): Promise<number[][]> {
  const { xs, ys } = await batch as { xs: tf.Tensor2D; ys: tf.Tensor };
  const values = xs.arraySync();
  tf.dispose([xs, ys]);
  return values;
}

Deno.test("defineDataset() keys a sample by seed, epoch and index, whatever its batch", async () => {
  const [, second] = await rows(noise.batch(Int32Array.of(3, 7), draw));
  assertEquals(await rows(noise.batch(Int32Array.of(7), draw)), [second!]);
  assertEquals(await rows(subset(noise, [1, 7]).batch(Int32Array.of(1), draw)), [second!]);
  for (const other of [{ ...draw, epoch: 3 }, { ...draw, seed: 6 }]) {
    assert((await rows(noise.batch(Int32Array.of(7), other)))[0]![0] !== second![0]);
  }
});

Deno.test("defineDataset() collates numbers, lists, values with a shape, tensors and records", () => {
  const dataset = defineDataset({
    length: 4,
    sample: (index) => ({
      xs: {
        number: index,
        list: [index, 1],
        bytes: { values: Uint8Array.of(index, 2, 3, 4), shape: [2, 2] },
        tensor: tf.tensor1d([index, 9], "int32"),
      },
      ys: Int32Array.of(index),
      weight: index / 2,
    }),
  });
  const before = tf.memory().numTensors;
  const batch = dataset.batch(Int32Array.of(2, 0)) as Batch;
  const xs = batch.xs as Record<string, tf.Tensor>;
  assertEquals(xs["number"]!.arraySync(), [2, 0]);
  assertEquals(xs["list"]!.arraySync(), [[2, 1], [0, 1]]);
  assertEquals(xs["bytes"]!.arraySync(), [[[2, 2], [3, 4]], [[0, 2], [3, 4]]]);
  assertEquals([xs["bytes"]!.dtype, xs["tensor"]!.dtype], ["int32", "int32"]);
  assertEquals(xs["tensor"]!.arraySync(), [[2, 9], [0, 9]]);
  assertEquals((batch.ys as tf.Tensor).arraySync(), [[2], [0]]);
  assertEquals(batch.weights!.arraySync(), [1, 0]);
  tf.dispose([batch.xs, batch.ys, batch.weights!]);
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("defineDataset() names the sample that does not fit the first of its batch", async (t) => {
  const cases: [string, (index: number) => unknown, string][] = [
    [
      "shape",
      (index) => ({ xs: index === 7 ? [1, 2] : [1], ys: 0 }),
      "sample(7).xs is float32 [2]",
    ],
    [
      "dtype",
      (index) => ({ xs: index === 7 ? Int32Array.of(1) : [1], ys: 0 }),
      "sample(7).xs is int32",
    ],
    ["nothing", (index) => index === 7 ? undefined : { xs: [1], ys: 0 }, "sample(7) must answer"],
    [
      "a name",
      (i) => ({ xs: i === 7 ? { a: 1 } : { a: 1, b: 2 }, ys: 0 }),
      "sample(7).xs has no b",
    ],
    ["text", (index) => ({ xs: index === 7 ? "one" : [1], ys: 0 }), "sample(7).xs is no number"],
    [
      "size",
      () => ({ xs: { values: Int32Array.of(1), shape: [2] }, ys: 0 }),
      "has 1 values for shape",
    ],
    [
      "weight",
      (i) => ({ xs: 1, ys: 0, ...i === 7 ? {} : { weight: 1 } }),
      "sample(7) has no weight",
    ],
  ];
  for (const [name, sample, message] of cases) {
    await t.step(name, () => {
      const dataset = defineDataset({ length: 9, sample: sample as (index: number) => Sample });
      assertThrows(() => dataset.batch(Int32Array.of(2, 7)), DatasetError, message);
    });
  }
});

Deno.test("defineDataset() waits for every sample of a batch before one that failed is told", async () => {
  let settled = 0;
  const dataset = defineDataset({
    length: 3,
    async sample(index) {
      await new Promise((resolve) => setTimeout(resolve, 5 * index));
      settled++;
      if (index === 0) throw new Error("no such file");
      return { xs: tf.tensor1d([1]), ys: 0 };
    },
  });
  const before = tf.memory().numTensors;
  const batch = dataset.batch(Int32Array.of(0, 1, 2));
  await assertRejects(() => Promise.resolve(batch), Error, "no such file");
  assertEquals([settled, tf.memory().numTensors], [3, before]);
});

Deno.test("split() stratifies by the labels that a dataset of late samples knows", () => {
  const late = defineDataset({
    length: 40,
    labels: Int32Array.from({ length: 40 }, (_, index) => index % 4 === 0 ? 1 : 0),
    sample: (index) => Promise.resolve({ xs: [index], ys: 0 }),
  });
  const { train, val } = split(late, { train: 0.5, val: 0.5 }, { seed: 1, stratify: true });
  const ones = (labels: Int32Array) => labels.filter((label) => label === 1).length;
  assertEquals([ones(train.labels!), ones(val.labels!)], [5, 5]);
});

Deno.test("defineDataset() refuses what is no source", () => {
  const none = { length: 1 } as Parameters<typeof defineDataset>[0];
  assertThrows(() => defineDataset(none), TypeError, "{ length, sample(index, rng) }");
});
