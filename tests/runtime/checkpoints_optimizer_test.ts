import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "../../runtime/backends/choose.ts";
import { learningRateOf, setLearningRate } from "../../runtime/checkpoints/learning_rate.ts";
import { OptimizerStateError } from "../../runtime/checkpoints/optimizer_fields.ts";
import { captureOptimizer, restoreOptimizer } from "../../runtime/checkpoints/optimizer_state.ts";
import { assignWeights, captureWeights } from "../../runtime/checkpoints/weights.ts";
import { type ModelHandle, modelHandle } from "../../runtime/training/model_handle.ts";

const OPTIMIZERS: Record<string, () => tf.Optimizer> = {
  sgd: () => tf.train.sgd(0.1),
  momentum: () => tf.train.momentum(0.05, 0.9),
  "momentum, Nesterov": () => tf.train.momentum(0.05, 0.9, true),
  adagrad: () => tf.train.adagrad(0.1),
  rmsprop: () => tf.train.rmsprop(0.01, 0.9, 0.5),
  "rmsprop, centered": () => tf.train.rmsprop(0.01, 0.9, 0.5, 1e-6, true),
  adadelta: () => tf.train.adadelta(0.5),
  adam: () => tf.train.adam(0.01),
  adamax: () => tf.train.adamax(0.01, 0.9, 0.999, 1e-7, 0.01),
};
const STEPS_BEFORE = 4;
const STEPS_AFTER = 5;

function mlp(): ModelHandle {
  return modelHandle(tf.sequential({
    layers: [
      tf.layers.dense({ units: 7, activation: "tanh", inputShape: [5] }),
      tf.layers.batchNormalization(),
      tf.layers.dense({ units: 3 }),
    ],
  }));
}

function train(handle: ModelHandle, optimizer: tf.Optimizer, from: number, steps: number): void {
  for (let step = from; step < from + steps; step++) {
    tf.tidy(() => {
      const xs = tf.randomNormal([6, 5], 0, 1, "float32", step + 1);
      const ys = tf.randomNormal([6, 3], 0, 1, "float32", step + 1001);
      optimizer.minimize(
        () => tf.losses.meanSquaredError(ys, handle.apply(xs, true)) as tf.Scalar,
        false,
        handle.trainable,
      );
    });
  }
}

/** Weights and optimizer, in a form that compares bits. */
function bitsOf(handle: ModelHandle, optimizer: tf.Optimizer): unknown {
  const state = captureOptimizer(optimizer, handle.trainable);
  const hex = (values: Float32Array | Int32Array | Uint8Array) =>
    new Uint8Array(values.buffer, values.byteOffset, values.byteLength).toHex();
  return {
    ...state,
    weights: [...captureWeights(handle)].map(([key, { values }]) => [key, hex(values)]),
    scalars: [...state.scalars].map(([name, { values }]) => [name, hex(values)]),
    slots: [...state.slots].map(([slot, entries]) => [
      slot,
      entries.map(({ position, tensor }) => [position, hex(tensor.values)]),
    ]),
  };
}

function dispose(handle: ModelHandle, optimizer: tf.Optimizer): void {
  optimizer.dispose();
  handle.dispose();
}

for (const backend of ["cpu", "wasm"] as const) {
  for (const [name, make] of Object.entries(OPTIMIZERS)) {
    Deno.test(`restoreOptimizer() continues ${name} to the bit on ${backend}`, async () => {
      assertEquals((await chooseBackend(backend, 1)).name, backend);
      const [handle, optimizer] = [mlp(), make()];
      train(handle, optimizer, 0, STEPS_BEFORE);
      const weights = captureWeights(handle);
      const state = captureOptimizer(optimizer, handle.trainable);
      const before = bitsOf(handle, optimizer);
      train(handle, optimizer, STEPS_BEFORE, STEPS_AFTER);
      const untouched = bitsOf(handle, optimizer);
      assertNotEquals(untouched, before);

      const [other, fresh] = [mlp(), make()];
      assignWeights(other, weights);
      restoreOptimizer(fresh, other.trainable, state);
      assertEquals(bitsOf(other, fresh), before);
      train(other, fresh, STEPS_BEFORE, STEPS_AFTER);
      assertEquals(bitsOf(other, fresh), untouched, "a fresh optimizer");

      assignWeights(handle, weights);
      restoreOptimizer(optimizer, handle.trainable, state);
      train(handle, optimizer, STEPS_BEFORE, STEPS_AFTER);
      assertEquals(bitsOf(handle, optimizer), untouched, "the same optimizer, rewound");
      dispose(handle, optimizer);
      dispose(other, fresh);
    });
  }
}

for (const [name, make] of Object.entries(OPTIMIZERS)) {
  Deno.test(`captureOptimizer() and restoreOptimizer() of ${name} leak no tensors`, async () => {
    await chooseBackend("cpu", 1);
    const [handle, optimizer] = [mlp(), make()];
    const start = captureOptimizer(optimizer, handle.trainable);
    const tensorsAtStart = tf.memory().numTensors;
    train(handle, optimizer, 0, 2);
    const tensors = tf.memory().numTensors;
    const state = captureOptimizer(optimizer, handle.trainable);
    for (let time = 0; time < 3; time++) {
      restoreOptimizer(optimizer, handle.trainable, state);
      assertEquals(tf.memory().numTensors, tensors);
    }
    restoreOptimizer(optimizer, handle.trainable, start);
    assertEquals(tf.memory().numTensors, tensorsAtStart, "state of step 0 holds no slots");
    train(handle, optimizer, 0, 2);
    assertEquals(tf.memory().numTensors, tensors);
    dispose(handle, optimizer);
  });

  Deno.test(`setLearningRate() of ${name} moves its next step and survives a restore`, async () => {
    await chooseBackend("cpu", 1);
    const [handle, optimizer] = [mlp(), make()];
    train(handle, optimizer, 0, 1);
    setLearningRate(optimizer, 1e-4);
    assertEquals(learningRateOf(optimizer), 1e-4);
    const weights = captureWeights(handle);
    const state = captureOptimizer(optimizer, handle.trainable);
    train(handle, optimizer, 1, 2);
    const untouched = bitsOf(handle, optimizer);

    const [other, fresh] = [mlp(), make()];
    assignWeights(other, weights);
    restoreOptimizer(fresh, other.trainable, state);
    assertEquals(learningRateOf(fresh), 1e-4);
    train(other, fresh, 1, 2);
    assertEquals(bitsOf(other, fresh), untouched);

    assignWeights(other, weights);
    restoreOptimizer(fresh, other.trainable, state);
    setLearningRate(fresh, 1e-3);
    train(other, fresh, 1, 2);
    assertNotEquals(bitsOf(other, fresh), untouched, "another rate gives other weights");
    dispose(handle, optimizer);
    dispose(other, fresh);
  });
}

Deno.test("restoreOptimizer() keeps slots with their weights when gradients come unordered", async () => {
  await chooseBackend("cpu", 1);
  const [handle, optimizer] = [mlp(), tf.train.adam(0.01)];
  const backwards = { ...handle, trainable: [...handle.trainable].reverse() };
  train(backwards, optimizer, 0, 3);
  const weights = captureWeights(handle);
  const state = captureOptimizer(optimizer, handle.trainable);
  train(backwards, optimizer, 3, 3);
  const untouched = bitsOf(handle, optimizer);
  assignWeights(handle, weights);
  restoreOptimizer(optimizer, handle.trainable, state);
  train(backwards, optimizer, 3, 3);
  assertEquals(bitsOf(handle, optimizer), untouched);
  dispose(handle, optimizer);
});

Deno.test("restoreOptimizer() refuses another class or other shapes, and changes nothing", async () => {
  await chooseBackend("cpu", 1);
  const [handle, optimizer] = [mlp(), tf.train.adam(0.01)];
  train(handle, optimizer, 0, 2);
  const state = captureOptimizer(optimizer, handle.trainable);
  const before = bitsOf(handle, optimizer);
  const sgd = tf.train.sgd(0.1);
  assertThrows(
    () => restoreOptimizer(sgd, handle.trainable, state),
    OptimizerStateError,
    "optimizer SGD: the state is of Adam",
  );
  assertThrows(
    () => restoreOptimizer(optimizer, handle.trainable.toReversed(), state),
    OptimizerStateError,
    "accumulatedFirstMoment is float32 [5,7] where its weight is float32 [3]",
  );
  assertThrows(
    () => restoreOptimizer(optimizer, handle.trainable.slice(0, 2), state),
    OptimizerStateError,
    "there is no weight at position 2",
  );
  assertEquals(bitsOf(handle, optimizer), before);
  sgd.dispose();
  dispose(handle, optimizer);
});

Deno.test("captureOptimizer() refuses an optimizer whose state it cannot know", async () => {
  await chooseBackend("cpu", 1);
  class Lion extends tf.SGDOptimizer {
    static override get className() {
      return "Lion";
    }
  }
  class Lookahead extends tf.AdamOptimizer {
    slow = [1, 2, 3];
  }
  const handle = mlp();
  const lion = new Lion(0.1);
  const lookahead = new Lookahead(0.1, 0.9, 0.999);
  assertThrows(
    () => captureOptimizer(lion, handle.trainable),
    OptimizerStateError,
    "optimizer Lion cannot be checkpointed; those that can: SGD, Momentum",
  );
  assertThrows(
    () => captureOptimizer(lookahead, handle.trainable),
    OptimizerStateError,
    'keeps a field "slow" that a checkpoint would lose',
  );
  lion.dispose();
  dispose(handle, lookahead);
});

Deno.test("captureOptimizer() names a variable that is no weight of the model", async () => {
  await chooseBackend("cpu", 1);
  const [handle, optimizer] = [mlp(), tf.train.adam(0.01)];
  const outside = tf.variable(tf.scalar(1), true, "outside");
  optimizer.minimize(() => outside.square() as tf.Scalar, false, [outside]);
  assertThrows(
    () => captureOptimizer(optimizer, handle.trainable),
    OptimizerStateError,
    "the optimizer moves outside, which is no trainable weight",
  );
  outside.dispose();
  dispose(handle, optimizer);
});
