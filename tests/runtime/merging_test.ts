import { assertAlmostEquals, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "../../runtime/backends/choose.ts";
import type { HostTensor } from "../../runtime/checkpoints/host_tensor.ts";
import { captureWeights } from "../../runtime/checkpoints/weights.ts";
import { assignWeights } from "../../runtime/merging/assign_weights.ts";
import { MergeError, mergeWeights } from "../../runtime/merging/strategies.ts";
import { modelHandle } from "../../runtime/training/model_handle.ts";

function floats(...values: number[]): HostTensor {
  return { dtype: "float32", shape: [values.length], values: new Float32Array(values) };
}

function parent(kernel: HostTensor, ...others: [string, HostTensor][]): Map<string, HostTensor> {
  return new Map([["0000/kernel", kernel], ...others]);
}

function kernelOf(weights: Map<string, HostTensor>): number[] {
  return [...weights.get("0000/kernel")!.values];
}

Deno.test("mergeWeights(swa) is the plain mean of every weight", () => {
  const parents = [floats(1, -2, 0.1), floats(3, 2, 0.2), floats(5, 6, 0.4)];
  const merged = kernelOf(
    mergeWeights("swa", { parents: parents.map((kernel) => parent(kernel)) }, {}),
  );
  for (let i = 0; i < 3; i++) {
    const mean = parents.reduce((sum, { values }) => sum + values[i]!, 0) / 3;
    assertStrictEquals(merged[i], Math.fround(mean));
  }
});

Deno.test("mergeWeights(weighted) is the mean by weights that need not sum to 1", () => {
  const parents = [parent(floats(1, 10)), parent(floats(4, 30))];
  const merged = kernelOf(mergeWeights("weighted", { parents }, { weights: [2, 6] }));
  assertEquals(merged, [(2 * 1 + 6 * 4) / 8, (2 * 10 + 6 * 30) / 8]);
});

Deno.test("mergeWeights(weighted) with weight on one parent is that parent", () => {
  const [first, second] = [parent(floats(1.1, -3.3)), parent(floats(7.7, 2.2))];
  const merged = mergeWeights("weighted", { parents: [first, second] }, { weights: [0, 3] });
  assertEquals(kernelOf(merged), kernelOf(second));
});

Deno.test("mergeWeights() of a model with itself is the model, to the bit", () => {
  const kernel = floats(0.1, 1e-38, -3.4e38, 1 / 3);
  const parents = [parent(kernel), parent(kernel), parent(kernel)];
  assertEquals(kernelOf(mergeWeights("swa", { parents }, {})), [...kernel.values]);
});

Deno.test("mergeWeights() sums in float64", () => {
  const small = 2 ** -24;
  const parents = [1, ...Array<number>(1024).fill(small)].map((value) => parent(floats(value)));
  const [mean] = kernelOf(mergeWeights("swa", { parents }, {}));
  // In float32 every one of the small terms would be lost beside the 1.
  assertAlmostEquals(mean! * 1025, 1 + 1024 * small, 1e-7);
});

Deno.test("mergeWeights() takes integer and bool tensors from the first parent", () => {
  const counts = (value: number): [string, HostTensor] => [
    "0001/count",
    { dtype: "int32", shape: [1], values: new Int32Array([value]) },
  ];
  const merged = mergeWeights("swa", {
    parents: [parent(floats(0), counts(3)), parent(floats(2), counts(8))],
  }, {});
  assertEquals(merged.get("0001/count")!.values, new Int32Array([3]));
  assertEquals([...merged.keys()], ["0000/kernel", "0001/count"]);
});

Deno.test("mergeWeights() leaves its parents as they were", () => {
  const parents = [parent(floats(1, 2)), parent(floats(3, 4))];
  mergeWeights("swa", { parents }, {}).get("0000/kernel")!.values.fill(9);
  assertEquals(parents.map(kernelOf), [[1, 2], [3, 4]]);
});

Deno.test("mergeWeights() names the first tensor by which architectures differ", () => {
  const bias: [string, HostTensor] = ["0001/bias", floats(0)];
  const cases: [Map<string, HostTensor>[], string][] = [
    [[parent(floats(1, 2)), parent(floats(1))], "tensor 0000/kernel is float32 [1] in parent 1"],
    [[parent(floats(1), bias), parent(floats(1))], "parent 1 has no tensor 0001/bias"],
    [[parent(floats(1)), parent(floats(1), bias)], "parent 0 has no tensor 0001/bias"],
    [
      [
        parent(floats(1)),
        parent({ dtype: "int32", shape: [1], values: new Int32Array(1) }),
      ],
      "tensor 0000/kernel is int32 [1] in parent 1, float32 [1] in parent 0",
    ],
    [[parent(floats(1))], "at least 2 parents, not 1"],
  ];
  for (const [parents, message] of cases) {
    assertThrows(() => mergeWeights("swa", { parents }, {}), MergeError, message);
  }
});

Deno.test("mergeWeights() refuses weights that are not finite, naming the tensor", () => {
  for (const value of [NaN, Infinity, -Infinity]) {
    const parents = [parent(floats(1)), parent(floats(1)), parent(floats(value))];
    assertThrows(
      () => mergeWeights("swa", { parents }, {}),
      MergeError,
      "tensor 0000/kernel of parent 2 is not finite",
    );
  }
});

Deno.test("mergeWeights(weighted) refuses weights that give no mean", () => {
  const parents = [parent(floats(1)), parent(floats(2))];
  const cases: [number[], string][] = [
    [[1, 2, 3], "params.weights has 3 entries for 2 parents"],
    [[0, 0], "sum to 0"],
    [[1e308, 1e308], "sum to Infinity"],
    [[3, -1], "at least 0"],
    [[NaN, 1], "at least 0"],
  ];
  for (const [weights, message] of cases) {
    assertThrows(() => mergeWeights("weighted", { parents }, { weights }), MergeError, message);
  }
});

Deno.test("assignWeights() gives merged weights to a model, or names what differs", async () => {
  await chooseBackend("cpu", 1);
  const dense = (units: number) =>
    modelHandle(tf.sequential({ layers: [tf.layers.dense({ units, inputShape: [2] })] }));
  const [one, two, child, wide] = [dense(3), dense(3), dense(3), dense(4)];
  const merged = mergeWeights("swa", { parents: [captureWeights(one), captureWeights(two)] }, {});
  const { numTensors } = tf.memory();
  assignWeights(child, merged);
  assertEquals(tf.memory().numTensors, numTensors);
  assertEquals(captureWeights(child), merged);
  assertThrows(
    () => assignWeights(wide, merged),
    MergeError,
    "weight 0000/kernel is float32 [2,3]; the model's is float32 [2,4]",
  );
  for (const handle of [one, two, child, wide]) handle.dispose();
});
