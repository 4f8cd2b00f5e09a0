import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "../../runtime/backends/choose.ts";
import { readValues } from "../../runtime/backends/tensor_view.ts";
import type { TensorFlowBinding } from "../../runtime/backends/tensorflow/binding.ts";
import { quietTensorFlow, tensorFlowForTests } from "../fixtures/tensorflow_library.ts";

const installed = await tensorFlowForTests();
const there = { library: installed?.path ?? null, reason: "for the test" };

function testOnTensorFlow(name: string, test: () => void): void {
  Deno.test({
    name,
    ignore: installed === null,
    fn: async () => {
      quietTensorFlow();
      await chooseBackend("tensorflow", 1, there);
      test();
    },
  });
}

/** Tensors alive in TensorFlow. */
function alive(): number {
  return (tf.backend() as unknown as { binding: TensorFlowBinding }).binding.getNumOfTensors();
}

/** Trains a small net with everything that leaves slots behind; answers its losses. */
function train(steps: number, afterStep: (step: number) => void): number[] {
  const model = tf.sequential({
    layers: [
      tf.layers.dense({
        units: 16,
        inputShape: [8],
        activation: "relu",
        kernelInitializer: seeded(1),
      }),
      tf.layers.batchNormalization(),
      tf.layers.dropout({ rate: 0.2, seed: 5 }),
      tf.layers.dense({ units: 2, kernelInitializer: seeded(2) }),
    ],
  });
  const optimizer = tf.train.adam(0.01);
  const [x, y] = tf.tidy(() => {
    const x = tf.randomUniform([32, 8], -1, 1, "float32", 3);
    return [x, tf.oneHot(tf.cast(tf.greater(tf.sum(x, 1), 0), "int32") as tf.Tensor1D, 2)];
  });
  const losses: number[] = [];
  for (let step = 1; step <= steps; step++) {
    const loss = optimizer.minimize(
      () => tf.losses.softmaxCrossEntropy(y, model.apply(x, { training: true }) as tf.Tensor),
      true,
    )!;
    losses.push(readValues(loss)[0]!);
    loss.dispose();
    afterStep(step);
  }
  model.dispose();
  optimizer.dispose();
  tf.dispose([x, y]);
  return losses;
}

function seeded(seed: number) {
  return tf.initializers.glorotUniform({ seed });
}

testOnTensorFlow(
  "tensorflow trains 1,000 steps with as many tensors in TensorFlow as after 10",
  () => {
    const before = { alive: alive(), tensors: tf.memory().numTensors };
    const counts = new Set<number>();
    const losses = train(1_000, (step) => {
      if (step >= 10) counts.add(alive());
    });
    assertEquals(counts.size, 1);
    assert(losses.at(-1)! < losses[0]! / 4, `from ${losses[0]} to ${losses.at(-1)}`);
    assertEquals({ alive: alive(), tensors: tf.memory().numTensors }, before);
  },
);

testOnTensorFlow("tensorflow repeats a training to the bit", () => {
  assertEquals(train(50, () => {}), train(50, () => {}));
});

testOnTensorFlow(
  "tensorflow has TensorFlow's message and the op in an error of TensorFlow.js",
  () => {
    const before = alive();
    const crop = () =>
      tf.tidy(() => {
        const images = tf.zeros([1, 4, 4, 1]) as tf.Tensor4D;
        const ofTheSixth = tf.tensor1d([5], "int32");
        tf.image.cropAndResize(images, tf.tensor2d([[0, 0, 1, 1]]), ofTheSixth, [2, 2]);
      });
    const error: Error = assertThrows(crop);
    assertEquals(error.name, "TensorFlowError");
    assertStringIncludes(
      error.message,
      "CropAndResize: box_index has values outside [0, batch_size)",
    );
    assertEquals(alive(), before);
  },
);
