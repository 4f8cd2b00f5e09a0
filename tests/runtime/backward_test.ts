import { assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { startWasm } from "../../runtime/backends/wasm/start.ts";
import { lossGradients } from "../../runtime/training/backward.ts";

const LOSSES: Record<string, (model: tf.LayersModel, xs: tf.Tensor) => tf.Scalar> = {
  "a mean": (model, xs) => tf.mean(model.apply(xs, { training: true }) as tf.Tensor),
  "a weight that is used twice": (model, xs) =>
    tf.tidy(() => {
      const twice = [xs, tf.neg(xs)].map((input) => model.apply(input) as tf.Tensor);
      return tf.mean(tf.square(tf.sub(twice[0]!, twice[1]!)));
    }),
  "a penalty on the gradient": (model, xs) => {
    const slope = tf.grad((input) => tf.sum(tf.square(model.apply(input) as tf.Tensor)));
    return tf.mean(tf.square(slope(xs)));
  },
  "a custom gradient": (model, xs) => {
    const scaled = tf.customGrad((...args) => {
      const [x, save] = args as unknown as [tf.Tensor, (tensors: tf.Tensor[]) => void];
      save([x]);
      return {
        value: tf.mul(x, 2),
        gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.mul(dy, saved[0]!),
      };
    });
    return tf.mean(scaled(model.apply(xs) as tf.Tensor));
  },
};

function convNet(): tf.LayersModel {
  const seed = 3;
  const initializer = tf.initializers.glorotUniform({ seed });
  return tf.sequential({
    layers: [
      tf.layers.conv2d({
        inputShape: [6, 6, 1],
        filters: 3,
        kernelSize: 3,
        activation: "tanh",
        kernelInitializer: initializer,
      }),
      tf.layers.batchNormalization(),
      tf.layers.flatten(),
      tf.layers.dense({ units: 2, kernelInitializer: initializer }),
    ],
  });
}

for (const backend of ["wasm", "cpu"]) {
  for (const [name, loss] of Object.entries(LOSSES)) {
    Deno.test(`lossGradients of ${name} on ${backend} are those of tf.variableGrads, to the bit`, async () => {
      await startWasm();
      await tf.setBackend(backend);
      const model = convNet();
      const variables = model.trainableWeights.map((weight) =>
        (weight as unknown as { val: tf.Variable }).val
      );
      const xs = tf.randomNormal([4, 6, 6, 1], 0, 1, "float32", 5);
      const before = tf.memory().numTensors;
      const actual = lossGradients(() => loss(model, xs), variables);
      const made = 1 + present(actual.gradients).length;
      assertEquals(tf.memory().numTensors, before + made);
      const expected = tf.variableGrads(() => loss(model, xs), variables);
      assertEquals(actual.value.dataSync(), expected.value.dataSync());
      for (const [at, gradient] of actual.gradients.entries()) {
        const stock = expected.grads[variables[at]!.name];
        assertEquals(gradient?.dataSync(), stock?.dataSync());
      }
      tf.dispose([actual.value, present(actual.gradients), expected.value, expected.grads, xs]);
      model.dispose();
    });
  }
}

Deno.test("lossGradients gives null where no gradient flows, and says when none does", async () => {
  await startWasm();
  const used = tf.variable(tf.scalar(2));
  const unused = tf.variable(tf.scalar(3));
  const { value, gradients } = lossGradients(() => tf.square(used), [used, unused]);
  assertEquals(gradients.map((gradient) => gradient?.dataSync()[0] ?? null), [4, null]);
  const before = tf.memory().numTensors;
  assertThrows(
    () => lossGradients(() => tf.square(used), [unused]),
    Error,
    "the loss does not depend on any trainable weight of the model",
  );
  assertEquals(tf.memory().numTensors, before);
  tf.dispose([used, unused, value, present(gradients)]);
});

Deno.test("lossGradients after a loss that threw is as before it", async () => {
  await startWasm();
  const weight = tf.variable(tf.scalar(2));
  const thrower = (): tf.Scalar => {
    throw new RangeError("from the loss");
  };
  assertThrows(() => lossGradients(thrower, [weight]), RangeError, "from the loss");
  const { value, gradients } = lossGradients(() => tf.square(weight), [weight]);
  assertEquals(gradients[0]!.dataSync()[0], 4);
  tf.dispose([weight, value, present(gradients)]);
});

function present(gradients: (tf.Tensor | null)[]): tf.Tensor[] {
  return gradients.filter((gradient) => gradient !== null);
}
