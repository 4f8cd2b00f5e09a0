import { assertAlmostEquals, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { startWasm } from "../../runtime/backends/wasm/start.ts";

interface Case {
  input: [number, number, number, number];
  filter: [number, number, number, number];
  strides: number | [number, number];
  pad: "valid" | "same" | number | tf.backend_util.ExplicitPadding;
}

const CASES: Case[] = [
  { input: [2, 6, 7, 1], filter: [3, 3, 1, 4], strides: 1, pad: "valid" },
  { input: [2, 6, 7, 3], filter: [3, 2, 3, 4], strides: 1, pad: "same" },
  { input: [1, 8, 9, 2], filter: [3, 3, 2, 5], strides: 2, pad: "same" },
  { input: [3, 7, 8, 2], filter: [2, 3, 2, 2], strides: [2, 3], pad: "valid" },
  { input: [2, 5, 5, 8], filter: [1, 1, 8, 3], strides: 1, pad: "valid" },
  { input: [2, 5, 6, 3], filter: [1, 1, 3, 3], strides: 2, pad: "same" },
  { input: [1, 5, 5, 2], filter: [3, 3, 2, 2], strides: 1, pad: 2 },
  { input: [1, 5, 6, 2], filter: [2, 3, 2, 2], strides: 1, pad: [[0, 0], [0, 2], [3, 1], [0, 0]] },
  { input: [1, 2, 2, 1], filter: [5, 5, 1, 2], strides: 1, pad: "same" },
];

/** Values that are not symmetric under any transposition. */
function filled(shape: number[], phase: number): tf.Tensor {
  const size = tf.util.sizeFromShape(shape);
  return tf.tensor(
    Float32Array.from({ length: size }, (_, at) => Math.sin(at * 1.7 + phase)),
    shape,
  );
}

/** The gradients of input and filter for a weighted sum of the outputs. */
function gradients({ input, filter, strides, pad }: Case): number[] {
  return tf.tidy(() => {
    const convolve = (x: tf.Tensor, filter: tf.Tensor) =>
      tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, strides, pad);
    const [x, w] = [filled(input, 0.3), filled(filter, 1.1)];
    const weights = filled(convolve(x, w).shape, 2.2);
    const made = tf.grads((x: tf.Tensor, w: tf.Tensor) => tf.sum(tf.mul(convolve(x, w), weights)))([
      x,
      w,
    ]);
    return made.flatMap((tensor) => [...tensor.dataSync()]);
  });
}

for (const given of CASES) {
  const { input, filter, strides, pad } = given;
  const name = `[${input}] by [${filter}], strides ${strides}, pad ${JSON.stringify(pad)}`;
  Deno.test(`conv2d ${name}: gradients on wasm equal cpu and leave nothing behind`, async () => {
    await startWasm();
    const buffers = tf.engine().backend.numDataIds();
    const actual = gradients(given);
    assertEquals(tf.engine().backend.numDataIds(), buffers);
    await tf.setBackend("cpu");
    const expected = gradients(given);
    assertEquals(actual.length, expected.length);
    actual.forEach((value, at) => assertAlmostEquals(value, expected[at]!, 1e-5));
  });
}
