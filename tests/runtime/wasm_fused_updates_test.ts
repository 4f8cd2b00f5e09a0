import { assert, assertEquals, assertNotEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { startWasm } from "../../runtime/backends/wasm/start.ts";

type Apply = tf.Optimizer["applyGradients"];

/** Every optimizer of tf.train, in the configurations that change its formula. */
const OPTIMIZERS: Record<string, () => tf.Optimizer> = {
  "sgd": () => tf.train.sgd(0.05),
  "momentum": () => tf.train.momentum(0.02, 0.9),
  "nesterov": () => tf.train.momentum(0.02, 0.9, true),
  "adagrad": () => tf.train.adagrad(0.05),
  "adadelta": () => tf.train.adadelta(0.5, 0.9, 1e-6),
  "adam": () => tf.train.adam(0.01),
  "adamax": () => tf.train.adamax(0.01),
  "decaying adamax": () => tf.train.adamax(0.01, 0.9, 0.999, 1e-8, 0.1),
  "rmsprop": () => tf.train.rmsprop(0.01),
  "rmsprop with momentum": () => tf.train.rmsprop(0.01, 0.9, 0.5),
  "centered rmsprop": () => tf.train.rmsprop(0.001, 0.9, 0.5, 1e-14, true),
};

/** What tfjs itself does, taken before the wasm backend teaches its optimizers. */
const STOCK = new Map<object, Apply>(
  [
    tf.SGDOptimizer,
    tf.MomentumOptimizer,
    tf.AdagradOptimizer,
    tf.AdadeltaOptimizer,
    tf.AdamOptimizer,
    tf.AdamaxOptimizer,
    tf.RMSPropOptimizer,
  ].map(({ prototype }) => [prototype, prototype.applyGradients]),
);

function stockOf(optimizer: tf.Optimizer): Apply {
  return STOCK.get(Object.getPrototypeOf(optimizer))!;
}

/** Weights after some steps along gradients that are the same in every call. */
async function weightsAfter(
  optimizer: tf.Optimizer,
  apply: Apply,
): Promise<{ weights: Uint32Array[]; kernels: number }> {
  const shapes = [[7, 5], [5], [1]];
  const variables = shapes.map((shape, at) =>
    tf.variable(tf.randomNormal(shape, 0, 1, "float32", at + 1))
  );
  let kernels = 0;
  for (let step = 0; step < 6; step++) {
    const gradients = variables.map((variable, at) => ({
      name: variable.name,
      // From denormal to large; the second weight has no gradient in one step.
      tensor: at === 1 && step === 3
        ? null as unknown as tf.Tensor
        : tf.randomNormal(variable.shape, 0, 10 ** (at - step), "float32", 10 * step + at + 1),
    }));
    const profile = await tf.profile(() => {
      apply.call(optimizer, gradients);
      return [];
    });
    kernels = profile.kernelNames.length;
    tf.dispose(gradients.map(({ tensor }) => tensor).filter((tensor) => tensor !== null));
  }
  const weights = variables.map((variable) =>
    new Uint32Array(new Float32Array(variable.dataSync()).buffer)
  );
  tf.dispose(variables);
  return { weights, kernels };
}

for (const [name, make] of Object.entries(OPTIMIZERS)) {
  Deno.test(`fused update of ${name} gives the bits of tfjs's own, without its kernels`, async () => {
    await startWasm();
    const fused = make();
    const actual = await weightsAfter(fused, fused.applyGradients);
    const expected = await weightsAfter(make(), stockOf(fused));
    assertEquals(actual.weights, expected.weights);
    assertEquals(actual.kernels, 0);
    assert(expected.kernels > 0);
  });
}

Deno.test("fused update leaves a clone of the weight, and the gradient, as they were", async () => {
  await startWasm();
  const variable = tf.variable(tf.tensor1d([1, 2, 3]));
  const optimizer = tf.train.adam(0.1);
  const tensor = tf.tensor1d([1, -1, 0.5]);
  const step = () => optimizer.applyGradients([{ name: variable.name, tensor }]);
  step();
  const clone = tf.clone(variable);
  const before = clone.dataSync().slice();
  step();
  assertEquals(clone.dataSync(), before);
  assertNotEquals(variable.dataSync(), before);
  assertEquals([...tensor.dataSync()], [1, -1, 0.5]);
  tf.dispose([variable, clone, tensor]);
});

Deno.test("a step of small and of large weights gives the bits of tfjs's own for both", async () => {
  await startWasm();
  const weightsOf = (apply: (optimizer: tf.Optimizer) => Apply) => {
    const variables = [[20_000], [8]].map((shape, at) =>
      tf.variable(tf.randomNormal(shape, 0, 1, "float32", at + 1))
    );
    const optimizer = tf.train.adam(0.1);
    for (let step = 1; step < 5; step++) {
      const gradients = variables.map(({ name, shape }) => ({
        name,
        tensor: tf.randomNormal(shape, 0, 1, "float32", step),
      }));
      apply(optimizer).call(optimizer, gradients);
      tf.dispose(gradients.map(({ tensor }) => tensor));
    }
    const weights = variables.map((variable) => variable.dataSync());
    tf.dispose(variables);
    return { weights, iterations: optimizer.iterations };
  };
  const expected = weightsOf(stockOf);
  assertEquals(weightsOf((optimizer) => optimizer.applyGradients), expected);
  assertEquals(expected.iterations, 4);
});

Deno.test("fused update makes no tensors, step after step", async () => {
  await startWasm();
  const variable = tf.variable(tf.ones([4, 3]));
  const optimizer = tf.train.adam(0.1);
  const tensor = tf.ones([4, 3]);
  optimizer.applyGradients([{ name: variable.name, tensor }]);
  const before = tf.memory().numTensors;
  for (let step = 0; step < 20; step++) {
    optimizer.applyGradients([{ name: variable.name, tensor }]);
  }
  assertEquals(tf.memory().numTensors, before);
  tf.dispose([variable, tensor]);
});

Deno.test("optimizers on cpu go on as tfjs has them", async () => {
  await startWasm();
  await tf.setBackend("cpu");
  const optimizer = tf.train.adam(0.01);
  const { kernels } = await weightsAfter(optimizer, optimizer.applyGradients);
  assert(kernels > 0);
});
