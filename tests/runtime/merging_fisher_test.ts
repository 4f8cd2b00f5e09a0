import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "../../runtime/backends/choose.ts";
import { captureWeights } from "../../runtime/checkpoints/weights.ts";
import type { Dataset } from "../../runtime/data/dataset.ts";
import { tensorDataset } from "../../runtime/data/tensor_dataset.ts";
import { keyedStream } from "../../runtime/determinism/rng.ts";
import type { ApplyModel, LossName } from "../../runtime/job_definition.ts";
import {
  diagonalFisher,
  type Fisher,
  fisherMean,
  sampleRows,
} from "../../runtime/merging/fisher.ts";
import { MergeError } from "../../runtime/merging/merge_error.ts";
import { predictedTargets } from "../../runtime/merging/predicted_targets.ts";
import { resolveLoss } from "../../runtime/training/losses.ts";
import { type ModelHandle, modelHandle } from "../../runtime/training/model_handle.ts";
import { numpy } from "../fixtures/numpy.ts";

interface Linear {
  kernel: number[];
  bias: number[];
}

const SAMPLES = 24;
const FEATURES = 3;
const random = keyedStream(8, "data");
const xs = Array.from(
  { length: SAMPLES },
  () => Array.from({ length: FEATURES }, () => Math.fround(2 * random.next() - 1)),
);
const rows = Int32Array.from({ length: SAMPLES }, (_, row) => row);
const labels = xs.map(() => random.nextInt(2));

function linear(units: number, activation: "softmax" | "sigmoid" | "linear"): ModelHandle {
  const model = tf.sequential({
    layers: [tf.layers.dense({ units, activation, inputShape: [FEATURES] })],
  });
  const values = (shape: number[]) =>
    tf.tensor(
      Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.next() - 0.5),
      shape,
    );
  model.setWeights([values([FEATURES, units]), values([units])]);
  return modelHandle(model);
}

function fisherOf(handle: ModelHandle, loss: LossName, dataset: Dataset, empirical = false) {
  return diagonalFisher({
    handle,
    loss: resolveLoss(loss),
    dataset,
    rows,
    empirical,
    seed: 1,
    onSample: () => Promise.resolve(),
  });
}

function plain(handle: ModelHandle, units: number) {
  const [kernel, bias] = [...captureWeights(handle).values()].map(({ values }) => [...values]);
  const rowsOf = Array.from(
    { length: FEATURES },
    (_, at) => kernel!.slice(at * units, (at + 1) * units),
  );
  return { kernel: rowsOf, bias };
}

const CASES: [LossName, "softmax" | "sigmoid" | "linear", number, boolean][] = [
  ["categoricalCrossentropy", "softmax", 4, false],
  ["categoricalCrossentropy", "softmax", 2, true],
  ["sparseCategoricalCrossentropy", "softmax", 3, false],
  ["softmaxCrossEntropy", "linear", 3, false],
  ["binaryCrossentropy", "sigmoid", 1, false],
  ["binaryCrossentropy", "sigmoid", 1, true],
];

for (const [loss, activation, units, empirical] of CASES) {
  const kind = empirical ? "empirical " : "";
  Deno.test(`diagonalFisher() and fisherMean() are NumPy's for ${kind}${loss} of ${units}`, async () => {
    await chooseBackend("cpu", 1);
    const handles = [linear(units, activation), linear(units, activation)];
    const classes = Math.max(units, 2);
    const ys = loss.startsWith("sparse")
      ? tf.tensor1d(labels)
      : units === 1
      ? tf.tensor2d(labels, [SAMPLES, 1])
      : tf.oneHot(tf.tensor1d(labels, "int32"), classes);
    const reference = await numpy<{ fishers: Linear[]; merged: Linear }>("./numpy_fisher.py", {
      xs,
      models: handles.map((handle) => plain(handle, units)),
      labels: empirical ? labels : null,
      outputs: activation === "sigmoid" ? "sigmoid" : "softmax",
      floor: 0.3,
    });
    if (reference === null) return;
    const fishers: Fisher[] = [];
    const dataset = tensorDataset(tf.tensor2d(xs), ys);
    for (const handle of handles) {
      const { numTensors } = tf.memory();
      fishers.push(await fisherOf(handle, loss, dataset, empirical));
      assertEquals(tf.memory().numTensors, numTensors);
    }
    const merged = fisherMean(handles.map(captureWeights), fishers, {
      floor: 0.3,
      coefficients: [1, 1],
    });
    for (const [key, name] of [["0000/kernel", "kernel"], ["0001/bias", "bias"]] as const) {
      reference.fishers.forEach((fisher, which) => {
        fisher[name].forEach((value, at) => {
          assertAlmostEquals(fishers[which]!.get(key)![at]!, value, 2e-6);
        });
      });
      reference.merged[name].forEach((value, at) => {
        assertAlmostEquals(merged.get(key)!.values[at]!, value, 1e-5);
      });
    }
    for (const handle of handles) handle.dispose();
  });
}

Deno.test("diagonalFisher() of a regression is that of Gaussian noise, by seeded draws", async () => {
  await chooseBackend("cpu", 1);
  const handle = linear(1, "linear");
  const many = Int32Array.from({ length: 1_000 }, (_, at) => at % SAMPLES);
  const fisher = await diagonalFisher({
    handle,
    loss: resolveLoss("meanSquaredError"),
    dataset: tensorDataset(tf.tensor2d(xs), tf.zeros([SAMPLES, 1])),
    rows: many,
    empirical: false,
    seed: 1,
    onSample: () => Promise.resolve(),
  });
  // The loss is (y - f)^2, twice the negative logarithm: its Fisher is 4 E[e^2] x^2 with E[e^2] = 1.
  for (let feature = 0; feature < FEATURES; feature++) {
    const squares = [...many].reduce((sum, row) => sum + xs[row]![feature]! ** 2, 0) / many.length;
    const found = fisher.get("0000/kernel")![feature]! / (4 * squares);
    assertAlmostEquals(found, 1, 0.25);
  }
  assertAlmostEquals(fisher.get("0001/bias")![0]! / 4, 1, 0.2);
  handle.dispose();
});

Deno.test("fisherMean() keeps each parent's own where it alone is held, and averages where none is", () => {
  const model = (...values: number[]) =>
    new Map([["0000/kernel", {
      dtype: "float32" as const,
      shape: [values.length],
      values: Float32Array.from(values),
    }]]);
  const fisher = (...values: number[]) => new Map([["0000/kernel", Float64Array.from(values)]]);
  const merged = fisherMean(
    [model(1, 1, 1), model(3, 3, 3)],
    [fisher(9, 0, 0), fisher(0, 0, 1e6)],
    { floor: 1e-6, coefficients: [1, 1] },
  );
  const values = [...merged.get("0000/kernel")!.values];
  assertAlmostEquals(values[0]!, 1, 1e-5);
  assertEquals(values[1], 2);
  assertAlmostEquals(values[2]!, 3, 1e-5);
});

Deno.test("predictedTargets() draws from many classes, in proportion", async () => {
  await chooseBackend("cpu", 1);
  const stream = keyedStream(2, "data");
  const probabilities = tf.tensor2d([[0.5, ...Array<number>(19).fill(0.5 / 19)]]);
  let first = 0;
  for (let draw = 0; draw < 400; draw++) {
    const [only, ...others] = predictedTargets("categoricalCrossentropy", probabilities, stream)!;
    assertEquals([only!.weight, others.length, only!.target.shape], [1, 0, [1, 20]]);
    first += only!.target.dataSync()[0]!;
    only!.target.dispose();
  }
  assertAlmostEquals(first / 400, 0.5, 0.08);
  assertEquals(predictedTargets("custom", probabilities, stream), null);
});

Deno.test("diagonalFisher() refuses a model without gradients, naming a weight, and a loss without likelihood", async () => {
  await chooseBackend("cpu", 1);
  const zeros = tensorDataset(tf.tensor2d(xs), tf.zeros([SAMPLES, 1]));
  const scale = tf.variable(tf.scalar(2), true, "scale");
  const detached: ApplyModel = {
    weights: [scale],
    apply: (input) =>
      tf.tensor2d(tf.mul(input as tf.Tensor, scale).sum(1, true).arraySync() as number[][]),
  };
  const error = await assertRejects(
    () => fisherOf(modelHandle(detached), "meanSquaredError", zeros),
    MergeError,
    "there is no gradient of 0000/scale, and so no Fisher",
  );
  assert(error.cause instanceof Error);
  const still: ApplyModel = {
    weights: [scale],
    apply: (input) => tf.mul(tf.mul(input as tf.Tensor, scale), 0).sum(1, true),
  };
  await assertRejects(
    () => fisherOf(modelHandle(still), "meanSquaredError", zeros),
    MergeError,
    "no gradient reaches 0000/scale",
  );
  const handle = linear(1, "linear");
  await assertRejects(
    () =>
      diagonalFisher({
        handle,
        loss: resolveLoss((yTrue, yPred) => tf.sub(yTrue as tf.Tensor, yPred).square()),
        dataset: zeros,
        rows,
        empirical: false,
        seed: 1,
        onSample: () => Promise.resolve(),
      }),
    MergeError,
    "params.empirical takes the observed labels",
  );
});

Deno.test("sampleRows() draws by its seed and never more than there are", () => {
  assertEquals(sampleRows(Int32Array.of(5, 3, 9), 8, 1), Int32Array.of(3, 5, 9));
  const drawn = sampleRows(rows, 10, 4);
  assertEquals([drawn.length, new Set(drawn).size], [10, 10]);
  assertEquals(sampleRows(rows, 10, 4), drawn);
});
