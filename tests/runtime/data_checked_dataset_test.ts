import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { CheckedDataset } from "../../runtime/data/checked_dataset.ts";
import type { Batch } from "../../runtime/data/dataset.ts";
import { DatasetError } from "../../runtime/data/dataset_error.ts";

const ALL = Int32Array.of(0, 1, 2);
const good = (rows: number, width = 2) => ({ xs: tf.ones([rows, width]), ys: tf.ones([rows, 1]) });

function checked(batch: (indices: Int32Array) => unknown): CheckedDataset {
  return new CheckedDataset("data().train", {
    length: 3,
    batch: batch as (indices: Int32Array) => Batch,
  }, 0);
}

Deno.test("CheckedDataset names split and samples of a batch() that breaks a promise", async (t) => {
  const cases: [string, (indices: Int32Array) => unknown, string][] = [
    ["throws", () => {
      throw new Error("disk on fire");
    }, "data().train: batch() of samples 0, 1, 2 threw: disk on fire"],
    ["nothing", () => undefined, "it must answer { xs, ys }"],
    ["too few rows", () => good(2), "xs has shape [2,2]: expected one row for each of 3 samples"],
    ["a scalar", () => ({ xs: tf.ones([3, 2]), ys: tf.scalar(1) }), "ys has shape []"],
    ["no tensor", () => ({ xs: [1, 2, 3], ys: tf.ones([3]) }), "xs.0 is not a tensor"],
    ["no targets", () => ({ xs: tf.ones([3]) }), "ys is not a tensor"],
    ["weights", () => ({ ...good(3), weights: tf.ones([2]) }), "weights has shape [2]"],
  ];
  for (const [name, batch, message] of cases) {
    await t.step(name, () => {
      const before = tf.memory().numTensors;
      assertThrows(() => checked(batch).batch(ALL), DatasetError, message);
      assertEquals(tf.memory().numTensors, before);
    });
  }
});

Deno.test("CheckedDataset refuses a batch of another shape than the first", () => {
  let width = 2;
  const dataset = checked((indices) => good(indices.length, width));
  const first = dataset.batch(ALL) as Batch;
  tf.dispose([first.xs, first.ys]);
  width = 5;
  const message = "it was xs float32 [*,2], ys float32 [*,1] and is now xs float32 [*,5]";
  assertThrows(() => dataset.batch(ALL.subarray(1)), DatasetError, message);
});

Deno.test("CheckedDataset refuses a dataset whose length changes", () => {
  const base = { length: 3, batch: () => good(3) };
  const dataset = new CheckedDataset("data().val", base, 0);
  base.length = 2;
  assertThrows(() => dataset.batch(ALL), DatasetError, "length was 3 and is now 2");
});

Deno.test("CheckedDataset tells a batch() that fails later, with its cause", async () => {
  const cause = new TypeError("later");
  const dataset = checked(() => Promise.reject(cause));
  const error = await assertRejects(
    () => Promise.resolve(dataset.batch(ALL)),
    DatasetError,
    "later",
  );
  assertEquals(error.cause, cause);
});
