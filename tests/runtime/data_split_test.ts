import { assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { startWasm } from "../../runtime/backends/wasm/start.ts";
import type { Batch, Dataset } from "../../runtime/data/dataset.ts";
import { split, type SplitOptions } from "../../runtime/data/split.ts";
import { subset } from "../../runtime/data/subset.ts";
import { tensorDataset } from "../../runtime/data/tensor_dataset.ts";

await startWasm();

const FRACTIONS = { train: 0.7, val: 0.1, test: 0.2 };

/** x is the sample's index; classes 0, 1, 2 with shares 1/2, 1/3, 1/6. */
function numbered(length: number): Dataset {
  const labels = Int32Array.from({ length }, (_, index) => [0, 0, 0, 1, 1, 2][index % 6]!);
  return tensorDataset(
    tf.tidy(() => tf.range(0, length).reshape([length, 1])),
    tf.tensor1d(labels),
  );
}

function membership(dataset: Dataset, options: SplitOptions) {
  const { train, val, test } = split(dataset, FRACTIONS, options);
  return [train, val, test].map(({ indices }) => [...indices]);
}

function labelCounts(indices: number[]): number[] {
  const counts = [0, 0, 0];
  for (const index of indices) counts[[0, 0, 0, 1, 1, 2][index % 6]!]!++;
  return counts;
}

Deno.test("split() gives every sample to exactly one split, in sizes as asked", () => {
  const parts = membership(numbered(97), { seed: 3 });
  assertEquals(parts.map((part) => part.length), [68, 10, 19]);
  assertEquals(parts.flat().toSorted((a, b) => a - b), Array.from({ length: 97 }, (_, at) => at));
  for (const part of parts) assertEquals(part, part.toSorted((a, b) => a - b));
});

Deno.test("split() depends on the seed alone", () => {
  const first = membership(numbered(97), { seed: 3 });
  assertEquals(membership(numbered(97), { seed: 3 }), first);
  assertEquals(membership(numbered(97), { seed: 4 }).toString() === first.toString(), false);
});

Deno.test("split() draws its membership pinned to numerics version 1", () => {
  assertEquals(membership(numbered(10), { seed: 42 }), [[2, 4, 5, 6, 7, 8, 9], [3], [0, 1]]);
});

Deno.test("split() with stratify keeps the share of each class", () => {
  const parts = membership(numbered(120), { seed: 3, stratify: true });
  assertEquals(parts.map(labelCounts), [[42, 28, 14], [6, 4, 2], [12, 8, 4]]);
  const before = tf.memory().numTensors;
  membership(numbered(120), { seed: 3, stratify: true });
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("split() with stratify has the same sizes when classes do not divide evenly", () => {
  const parts = membership(numbered(97), { seed: 3, stratify: true });
  assertEquals(parts.map((part) => part.length), [68, 10, 19]);
  assertEquals(new Set(parts.flat()).size, 97);
});

Deno.test("split() views give the samples they name", () => {
  const { test } = split(numbered(50), FRACTIONS, { seed: 3 });
  const { xs, ys } = test.batch(Int32Array.of(0, 3)) as Batch & { xs: tf.Tensor; ys: tf.Tensor };
  assertEquals([...xs.dataSync()], [test.indices[0], test.indices[3]]);
  tf.dispose([xs, ys]);
});

Deno.test("split() of a fraction 0 is empty, and what is left over belongs nowhere", () => {
  const { train, val, test } = split(numbered(20), { train: 0.5, test: 0.25 }, { seed: 3 });
  assertEquals([train.length, val.length, test.length], [10, 0, 5]);
});

Deno.test("split() refuses fractions that are none, too many or too small", () => {
  const data = numbered(10);
  const seeded = { seed: 1 };
  assertThrows(() => split(data, { train: -0.1 }, seeded), RangeError, "train");
  assertThrows(() => split(data, { train: NaN }, seeded), RangeError, "train");
  assertThrows(() => split(data, { train: 0.9, test: 0.2 }, seeded), RangeError, "more than");
  assertThrows(() => split(data, { train: 0.9, val: 0.01 }, seeded), RangeError, "val: 0.01 of 10");
});

Deno.test("split() with stratify refuses targets that are no classes", () => {
  const data = tensorDataset(tf.zeros([3, 1]), tf.tensor1d([0.5, 1, 2]));
  assertThrows(() => split(data, FRACTIONS, { seed: 1, stratify: true }), TypeError, "no class");
});

Deno.test("subset() of a subset goes back to the first dataset's indices", () => {
  const data = numbered(10);
  const view = subset(subset(data, [9, 7, 5, 3]), [3, 1]);
  assertEquals(view.base === data, true);
  assertEquals([...view.indices], [3, 7]);
});

Deno.test("subset() refuses indices that there are not, and keeps class names", () => {
  const data = tensorDataset(tf.zeros([3]), tf.zeros([3]), { classNames: ["no", "yes"] });
  assertEquals(subset(data, [1]).classNames, ["no", "yes"]);
  for (const index of [3, -1, 0.5]) {
    assertThrows(() => subset(data, [index]), RangeError, String(index));
  }
  assertThrows(() => subset(data, [1]).batch(Int32Array.of(1)), RangeError, "index 1");
});
