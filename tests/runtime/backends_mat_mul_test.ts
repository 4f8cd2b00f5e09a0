import { assertAlmostEquals, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { startWasm } from "../../runtime/backends/wasm/start.ts";

const SHAPES: [left: number[], right: number[]][] = [
  [[5, 7], [7, 3]],
  [[1, 4], [4, 1]],
  [[1, 1], [1, 6]],
  [[2, 5, 7], [2, 7, 3]],
];

/** Values that are not symmetric under any transposition. */
function filled(shape: number[], phase: number): tf.Tensor {
  const size = tf.util.sizeFromShape(shape);
  return tf.tensor(
    Float32Array.from({ length: size }, (_, at) => Math.sin(at * 1.7 + phase)),
    shape,
  );
}

function swapped(shape: number[]): number[] {
  return [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!];
}

/** The product and both gradients of its weighted sum, one after another. */
function productAndGradients(left: number[], right: number[], a: boolean, b: boolean): number[] {
  return tf.tidy(() => {
    const x = filled(a ? swapped(left) : left, 0.3);
    const y = filled(b ? swapped(right) : right, 1.1);
    const product = tf.matMul(x, y, a, b);
    const weights = filled(product.shape, 2.2);
    const gradients = tf.grads((x: tf.Tensor, y: tf.Tensor) =>
      tf.sum(tf.mul(tf.matMul(x, y, a, b), weights))
    )([x, y]);
    return [product, ...gradients].flatMap((tensor) => [...tensor.dataSync()]);
  });
}

function fusedDense(a: boolean, b: boolean): number[] {
  return tf.tidy(() => {
    const x = filled(a ? [7, 5] : [5, 7], 0.3) as tf.Tensor2D;
    const y = filled(b ? [3, 7] : [7, 3], 1.1) as tf.Tensor2D;
    const bias = filled([3], 0.5);
    const layer = (x: tf.Tensor2D, y: tf.Tensor2D) =>
      tf.fused.matMul({ a: x, b: y, transposeA: a, transposeB: b, bias, activation: "relu" });
    const gradients = tf.grads((x: tf.Tensor, y: tf.Tensor) =>
      tf.sum(layer(x as tf.Tensor2D, y as tf.Tensor2D))
    )([x, y]);
    return [layer(x, y), ...gradients].flatMap((tensor) => [...tensor.dataSync()]);
  });
}

/** Compares what wasm, with transpose-first products, and cpu make of it. */
async function compareWithCpu(compute: () => number[]): Promise<void> {
  await startWasm();
  const before = [tf.memory().numTensors, tf.memory().numDataBuffers];
  const actual = compute();
  assertEquals([tf.memory().numTensors, tf.memory().numDataBuffers], before);
  await tf.setBackend("cpu");
  const expected = compute();
  assertEquals(actual.length, expected.length);
  actual.forEach((value, at) => assertAlmostEquals(value, expected[at]!, 1e-4));
}

for (const transposeA of [false, true]) {
  for (const transposeB of [false, true]) {
    const name = `transposeA ${transposeA}, transposeB ${transposeB}`;
    Deno.test(`matMul with ${name} equals cpu on wasm, gradients too`, async () => {
      for (const [left, right] of SHAPES) {
        await compareWithCpu(() => productAndGradients(left, right, transposeA, transposeB));
      }
    });

    // TensorFlow.js derives no gradient for a broadcast product.
    Deno.test(`matMul with ${name} equals cpu on wasm where one operand is broadcast`, async () => {
      const [left, right] = [[3, 5, 7], [1, 7, 3]];
      await compareWithCpu(() =>
        tf.tidy(() => {
          const x = filled(transposeA ? swapped(left!) : left!, 0.3);
          const y = filled(transposeB ? swapped(right!) : right!, 1.1);
          return [...tf.matMul(x, y, transposeA, transposeB).dataSync()];
        })
      );
    });

    Deno.test(`fused matMul with ${name} equals cpu on wasm, gradients too`, async () => {
      await compareWithCpu(() => fusedDense(transposeA, transposeB));
    });
  }
}

Deno.test("installTransposeFirstMatMul() twice wraps the kernels once", async () => {
  await startWasm();
  const kernel = tf.getKernel("BatchMatMul", "wasm").kernelFunc;
  await startWasm();
  assertEquals(tf.getKernel("BatchMatMul", "wasm").kernelFunc, kernel);
});

Deno.test("matMul trains on a weight's new values on wasm, not on packed old ones", async () => {
  await startWasm();
  const weight = tf.variable(tf.tensor2d([[1], [1]]));
  const x = tf.tensor2d([[1, 2]]);
  const out = () => tf.tidy(() => tf.matMul(x, weight as tf.Tensor2D).dataSync()[0]);
  assertEquals(out(), 3);
  const next = tf.tensor2d([[10], [10]]);
  weight.assign(next);
  assertEquals(out(), 30);
  tf.dispose([weight, x, next]);
});
