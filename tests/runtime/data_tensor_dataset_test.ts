import { assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { startWasm } from "../../runtime/backends/wasm/start.ts";
import type { Batch } from "../../runtime/data/dataset.ts";
import { tensorDataset } from "../../runtime/data/tensor_dataset.ts";

await startWasm();

const images = () => tf.tidy(() => tf.reshape(tf.range(0, 24), [4, 3, 2]));
const classes = () => tf.tensor1d([3, 2, 1, 0], "int32");

Deno.test("tensorDataset().batch() gathers rows in the order asked, repeats included", () => {
  const dataset = tensorDataset(images(), classes());
  const { xs, ys } = dataset.batch(Int32Array.of(2, 0, 2)) as { xs: tf.Tensor; ys: tf.Tensor };
  assertEquals(dataset.length, 4);
  assertEquals(xs.shape, [3, 3, 2]);
  assertEquals([...xs.dataSync()], [
    12,
    13,
    14,
    15,
    16,
    17,
    0,
    1,
    2,
    3,
    4,
    5,
    12,
    13,
    14,
    15,
    16,
    17,
  ]);
  assertEquals([...ys.dataSync()], [1, 3, 1]);
  tf.dispose([xs, ys]);
});

Deno.test("tensorDataset().batch() keeps dtypes and wide rows", () => {
  const wide = tf.range(0, 300, 1, "int32").reshape([3, 100]);
  const dataset = tensorDataset(wide, tf.tensor2d([[1], [0], [1]], [3, 1], "bool"));
  const { xs, ys } = dataset.batch(Int32Array.of(1)) as { xs: tf.Tensor; ys: tf.Tensor };
  assertEquals([xs.dtype, ys.dtype], ["int32", "bool"]);
  assertEquals([xs.dataSync()[0], xs.dataSync()[99], ys.dataSync()[0]], [100, 199, 0]);
  tf.dispose([xs, ys]);
});

Deno.test("tensorDataset() takes records for several inputs and outputs", () => {
  const dataset = tensorDataset({ image: images(), size: tf.ones([4, 1]) }, { digit: classes() }, {
    classNames: ["a", "b", "c", "d"],
  });
  const { xs, ys } = dataset.batch(Int32Array.of(3)) as Batch & {
    xs: Record<string, tf.Tensor>;
    ys: Record<string, tf.Tensor>;
  };
  assertEquals(Object.keys(xs), ["image", "size"]);
  assertEquals(xs.image!.shape, [1, 3, 2]);
  assertEquals([...ys.digit!.dataSync()], [0]);
  assertEquals(dataset.classNames?.length, 4);
  tf.dispose([xs, ys]);
});

Deno.test("tensorDataset() and its batches leave no tensor behind", () => {
  const before = tf.memory().numTensors;
  const dataset = tensorDataset(images(), classes());
  assertEquals(tf.memory().numTensors, before);
  for (let round = 0; round < 1_000; round++) {
    const batch = dataset.batch(Int32Array.of(round % 4)) as Batch;
    assertEquals(tf.memory().numTensors, before + 2);
    tf.dispose([batch.xs, batch.ys]);
  }
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("tensorDataset() keeps its values when the caller's array changes", () => {
  const source = Float32Array.of(1, 2);
  const dataset = tensorDataset(tf.tensor2d(source, [2, 1]), tf.zeros([2, 1]));
  source.fill(9);
  const { xs, ys } = dataset.batch(Int32Array.of(0, 1)) as { xs: tf.Tensor; ys: tf.Tensor };
  assertEquals([...xs.dataSync()], [1, 2]);
  tf.dispose([xs, ys]);
});

Deno.test("tensorDataset() names what it cannot take", () => {
  tf.tidy(() => {
    assertThrows(() => tensorDataset(tf.zeros([3, 2]), tf.zeros([4, 1])), RangeError, "3, 4");
    assertThrows(() => tensorDataset(tf.scalar(1), tf.zeros([1])), TypeError, "xs is a scalar");
    const words = tf.tensor1d(["a", "b"]);
    assertThrows(() => tensorDataset({ text: words }, tf.zeros([2])), TypeError, "xs.text");
    const used = tf.zeros([2]);
    tensorDataset(used, tf.zeros([2]));
    assertThrows(() => tensorDataset(used, tf.zeros([2])), TypeError, "clone()");
    const dataset = tensorDataset(tf.zeros([2]), tf.zeros([2]));
    assertThrows(() => dataset.batch(Int32Array.of(2)), RangeError, "index 2");
    assertThrows(() => dataset.batch(Int32Array.of(-1)), RangeError, "index -1");
  });
});
