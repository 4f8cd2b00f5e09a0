import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import type { HostTensor } from "../../runtime/checkpoints/host_tensor.ts";
import { dareMask } from "../../runtime/merging/dare.ts";
import { magnitudeThreshold } from "../../runtime/merging/magnitude_threshold.ts";
import { MergeError, mergeWeights } from "../../runtime/merging/strategies.ts";
import { MERGE_STRATEGIES } from "../../runtime/protocol/merge_strategy.ts";
import { keyedStream } from "../../runtime/determinism/rng.ts";
import { mergeDifferences } from "../fixtures/merge_reference.ts";

type Weights = Map<string, HostTensor>;

function model(...values: number[]): Weights {
  return new Map([["0000/kernel", floats(values)]]);
}

function floats(values: readonly number[]): HostTensor {
  return { dtype: "float32", shape: [values.length], values: Float32Array.from(values) };
}

const kernelOf = (weights: Weights) => [...weights.get("0000/kernel")!.values];

Deno.test("mergeWeights() of every strategy is NumPy's formula, but for the last rounding", async () => {
  const differences = await mergeDifferences();
  if (differences === null) return;
  // Values are below 2: half of their last place is 6e-8.
  for (const { strategy, params, largest } of differences) {
    assert(largest < 6.1e-8, `${strategy} ${JSON.stringify(params)}: ${largest}`);
  }
  const known = new Set(differences.map(({ strategy }) => strategy));
  const beyond = Object.keys(MERGE_STRATEGIES).filter((name) => !known.has(name));
  // These need data too, and have tests of their own.
  assertEquals(beyond, ["greedy", "fisher", "distillation"]);
});

Deno.test("mergeWeights(ties) trims, elects and averages", () => {
  const ancestor = model(0, 0, 0, 0, 0);
  const parents = [model(5, -1, 4, 0.1, 3), model(-2, -3, 0.2, 4, 0.3), model(3, 2, -6, 0.4, 5)];
  // Three of five stay: [5, 0, 4, 0, 3], [-2, -3, 0, 4, 0], [3, 0, -6, 0, 5].
  const params = { density: 0.6, scale: 1 };
  assertEquals(kernelOf(mergeWeights("ties", { parents, ancestor }, params)), [4, -3, -6, 4, 4]);
});

Deno.test("mergeWeights(ties) leaves the ancestor's value where what stayed cancels out", () => {
  const inputs = { parents: [model(3, 1), model(-1, 1)], ancestor: model(1, 1) };
  assertEquals(kernelOf(mergeWeights("ties", inputs, { density: 1, scale: 1 })), [1, 1]);
});

Deno.test("mergeWeights(model_stock) of orthogonal task vectors is the ancestor, of equal ones the mean", () => {
  const ancestor = model(1, 1);
  const apart = { parents: [model(2, 1), model(1, 2)], ancestor };
  assertEquals(kernelOf(mergeWeights("model_stock", apart, {})), [1, 1]);
  const alike = { parents: [model(2, 3), model(2, 3)], ancestor };
  assertEquals(kernelOf(mergeWeights("model_stock", alike, {})), [2, 3]);
  const still = { parents: [ancestor, ancestor], ancestor };
  assertEquals(kernelOf(mergeWeights("model_stock", still, {})), [1, 1]);
});

Deno.test("mergeWeights(slerp) stays on the arc, and on the line where there is no arc", () => {
  const quarter = { parents: [model(1, 0), model(0, 1)] };
  const [x, y] = kernelOf(mergeWeights("slerp", quarter, { t: 0.5 }));
  assertAlmostEquals(Math.hypot(x!, y!), 1, 1e-7);
  const line = { parents: [model(1, 0), model(3, 0)] };
  assertEquals(kernelOf(mergeWeights("slerp", line, { t: 0.25 })), [1.5, 0]);
  const nothing = { parents: [model(0, 0), model(2, 4)] };
  assertEquals(kernelOf(mergeWeights("slerp", nothing, { t: 0.5 })), [1, 2]);
  const three = { parents: [model(1), model(2), model(3)] };
  assertThrows(
    () => mergeWeights("slerp", three, { t: 0.5 }),
    MergeError,
    "takes 2 parents, not 3",
  );
});

Deno.test("mergeWeights(dare) repeats by its seed and drops the share it is told to", () => {
  const values = Array.from({ length: 4000 }, (_, at) => at / 1000);
  const inputs = {
    parents: [model(...values), model(...values)],
    ancestor: model(...values.map(() => 0)),
  };
  const merged = (seed: number) =>
    kernelOf(mergeWeights("dare", inputs, { drop_rate: 0.5, scale: 1, seed }));
  assertEquals(merged(3), merged(3));
  // Of both parents, of one or of none: twice what is not dropped.
  const shares = merged(3).slice(1).map((value, at) => Math.round(value / values[at + 1]!));
  assertEquals([...new Set(shares)].sort(), [0, 2, 4]);
  const mask = dareMask(4000, { drop_rate: 0.9, seed: 3, parent: 0, tensor: 0 });
  assertAlmostEquals(mask.reduce((sum, kept) => sum + kept, 0) / 4000, 0.1, 0.02);
  assert(mask.some((kept, at) =>
    kept !== dareMask(4000, {
      drop_rate: 0.9,
      seed: 3,
      parent: 1,
      tensor: 0,
    })[at]
  ));
});

Deno.test("mergeWeights(adapter) names weights by key or by layer, and refuses a name of none", () => {
  const weights = (value: number): Weights =>
    new Map([["0000/kernel", floats([value])], ["0001/kernel", floats([value])]]);
  const inputs = {
    parents: [weights(2), weights(4)],
    ancestor: weights(9),
    names: new Map([["0001/kernel", "head/kernel"]]),
  };
  for (const layers of [["0001/*"], ["head/*"], ["head/kernel"], ["000[1-9]/*"]]) {
    const merged = mergeWeights("adapter", inputs, { layers });
    assertEquals([...merged.values()].map(({ values }) => values[0]), [9, 3]);
  }
  const merged = mergeWeights("adapter", inputs, { layers: ["head/*"], weights: [0, 1] });
  assertEquals([...merged.values()].map(({ values }) => values[0]), [9, 4]);
  assertThrows(
    () => mergeWeights("adapter", inputs, { layers: ["tail/*"] }),
    MergeError,
    "params.layers: tail/* names no weight; there are 0000/kernel, 0001/kernel (head/kernel)",
  );
});

Deno.test("mergeWeights() refuses what reckons from an ancestor without one, or with another model's", () => {
  const parents = [model(1), model(2)];
  const params = { scale: 1 };
  assertThrows(
    () => mergeWeights("task_arithmetic", { parents }, params),
    MergeError,
    "task_arithmetic needs the parents' common ancestor",
  );
  assertThrows(
    () => mergeWeights("task_arithmetic", { parents, ancestor: model(1, 2) }, params),
    MergeError,
    "tensor 0000/kernel is float32 [2] in the ancestor, float32 [1] in parent 0",
  );
  assertThrows(
    () => mergeWeights("task_arithmetic", { parents, ancestor: model(NaN) }, params),
    MergeError,
    "tensor 0000/kernel of the ancestor is not finite",
  );
});

Deno.test("mergeWeights() refuses a result that float32 cannot hold, naming the tensor", () => {
  const inputs = { parents: [model(3e38), model(3e38)], ancestor: model(0) };
  assertThrows(
    () => mergeWeights("task_arithmetic", inputs, { scale: 1 }),
    MergeError,
    "tensor 0000/kernel comes out not finite",
  );
});

Deno.test("mergeWeights() averages what it is told to, whatever the strategy", () => {
  const weights = (value: number): Weights =>
    new Map([["0000/kernel", floats([value])], ["0001/moving_mean", floats([value])]]);
  const merged = mergeWeights("task_arithmetic", {
    parents: [weights(2), weights(4)],
    ancestor: weights(1),
    averaged: new Set(["0001/moving_mean"]),
  }, { scale: 1 });
  assertEquals([...merged].map(([key, { values }]) => [key, values[0]]), [
    ["0000/kernel", 5],
    ["0001/moving_mean", 3],
  ]);
});

Deno.test("magnitudeThreshold() is the k-th largest magnitude of all parts together", () => {
  const random = keyedStream(1, "data");
  const parts = [7, 500, 1].map((length) =>
    Float32Array.from({ length }, () => (random.next() - 0.5) * 10 ** (random.nextInt(30) - 15))
  );
  const sorted = parts.flatMap((part) => [...part].map(Math.abs)).sort((a, b) => b - a);
  for (const k of [1, 2, 100, 507, 508]) {
    assertEquals(magnitudeThreshold(() => parts, k), sorted[k - 1]);
  }
  assertEquals(magnitudeThreshold(() => [new Float32Array([0, -0, 0])], 2), 0);
});

Deno.test("MERGE_STRATEGIES refuse a parameter they do not know, by its name, and describe each", () => {
  for (const [name, schema] of Object.entries(MERGE_STRATEGIES)) {
    const { error } = schema.safeParse({ nonsense: 1 });
    const issue = error?.issues.find(({ code }) => code === "unrecognized_keys");
    assert(issue?.message.includes("nonsense"), name);
    for (const [field, { description }] of Object.entries(schema.shape)) {
      assert(description, `${name}.${field} has no description`);
    }
  }
});
