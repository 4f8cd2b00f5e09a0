import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { startWasm } from "../../runtime/backends/wasm/start.ts";

/** NaN as processors make it: with its sign set. Kernels that look at the sign take it for negative. */
const NEGATIVE_NAN = new Float32Array(Uint32Array.of(0xffc00000).buffer)[0]!;

/** Not finite, and finite beside it. */
const VALUES = [NaN, Infinity, -Infinity, -1, 2, 0, 0.5, 3, -7, 300, -0.25, 8];

/** The values in a shape of 12; the first is a NaN with its sign set. */
function values(shape: number[]): tf.Tensor {
  const held = Float32Array.from(VALUES);
  new Uint32Array(held.buffer)[0] = 0xffc00000;
  return tf.tensor(held, shape);
}

const row = () => values([12]);
const image = () => values([1, 2, 3, 2]) as tf.Tensor4D;
const nan = () => tf.tensor(Float32Array.of(NEGATIVE_NAN), [1]);
const UNIT = () => tf.tensor2d([[1, 0], [0.5, 1]]);

const COMPUTATIONS: Record<string, () => tf.Tensor> = {
  relu: () => tf.relu(row()),
  relu6: () => tf.relu6(row()),
  clipByValue: () => tf.clipByValue(row(), -5, 5),
  "maximum with NaN": () => tf.maximum(row(), nan()),
  "minimum with NaN": () => tf.minimum(row(), nan()),
  "maximum of both": () => tf.maximum(row(), tf.reverse(row())),
  "minimum of both": () => tf.minimum(row(), tf.reverse(row())),
  "cast to bool": () => tf.cast(row(), "bool"),
  "cast of whole numbers to bool": () => tf.cast(tf.tensor1d([0, 1, 256, -1], "int32"), "bool"),
  matMul: () => tf.matMul(values([6, 2]) as tf.Tensor2D, UNIT()),
  "fused matMul": () =>
    tf.fused.matMul({ a: values([6, 2]) as tf.Tensor2D, b: UNIT(), activation: "relu" }),
  conv2d: () => tf.conv2d(image(), tf.ones<tf.Rank.R4>([2, 2, 2, 3]), 1, "same"),
  "conv2d with a bad filter": () =>
    tf.conv2d(tf.ones<tf.Rank.R4>([1, 3, 3, 2]), values([3, 2, 2, 1]) as tf.Tensor4D, 1, "valid"),
  "fused conv2d": () =>
    tf.fused.conv2d({
      x: image(),
      filter: tf.ones<tf.Rank.R4>([1, 1, 2, 2]),
      strides: 1,
      pad: "valid",
      bias: tf.tensor1d([1, 2]),
      activation: "relu",
    }),
  depthwiseConv2d: () => tf.depthwiseConv2d(image(), tf.ones<tf.Rank.R4>([2, 2, 2, 2]), 1, "same"),
  "fused depthwiseConv2d": () =>
    tf.fused.depthwiseConv2d({
      x: image(),
      filter: tf.ones<tf.Rank.R4>([2, 2, 2, 1]),
      strides: 1,
      pad: "valid",
      activation: "relu6",
    }),
  avgPool: () => tf.avgPool(image(), 2, 1, "same"),
  sum: () => tf.sum(values([3, 4]), 0),
  mean: () => tf.mean(values([3, 4]), 1),
};

for (const [name, compute] of Object.entries(COMPUTATIONS)) {
  Deno.test(`${name} keeps NaN and infinities on wasm as on cpu, and leaves nothing behind`, async () => {
    const result = () => tf.tidy(() => Array.from(compute().dataSync() as Float32Array));
    await startWasm();
    const buffers = tf.engine().backend.numDataIds();
    const actual = result();
    assertEquals(tf.engine().backend.numDataIds(), buffers);
    await tf.setBackend("cpu");
    assertEquals(actual, result());
  });
}

Deno.test("maxPool of a window with NaN in it is NaN on wasm", async () => {
  await startWasm();
  const maxima = tf.tidy(
    () => [...tf.maxPool(values([1, 1, 12, 1]) as tf.Tensor4D, [1, 2], 2, "valid").dataSync()],
  );
  assertEquals(maxima, [NaN, -1, 2, 3, 300, 8]);
});

Deno.test("a conv net with NaN in its weights has a NaN loss on wasm, not a finite one", async () => {
  await startWasm();
  const model = tf.sequential({
    layers: [
      tf.layers.conv2d({ inputShape: [6, 6, 1], filters: 2, kernelSize: 3 }),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.reLU(),
      tf.layers.flatten(),
      tf.layers.dense({ units: 3, activation: "softmax" }),
    ],
  });
  const loss = tf.tidy(() => {
    const [kernel, ...others] = model.getWeights();
    model.setWeights([tf.mul(kernel!, NaN), ...others]);
    const predicted = model.apply(tf.ones([2, 6, 6, 1])) as tf.Tensor;
    const ys = tf.oneHot(tf.tensor1d([0, 2], "int32"), 3);
    return tf.mean(tf.metrics.categoricalCrossentropy(ys, predicted)).dataSync()[0];
  });
  model.dispose();
  assertEquals(loss, NaN);
});
