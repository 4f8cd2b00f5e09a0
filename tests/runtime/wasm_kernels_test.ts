import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import type { BackendWasm } from "../../runtime/backends/wasm/compose.ts";
import { convolve } from "../../runtime/backends/wasm/convolution.ts";
import { filterGradient } from "../../runtime/backends/wasm/filter_gradient.ts";
import { inputGradient } from "../../runtime/backends/wasm/input_gradient.ts";
import { startWasm } from "../../runtime/backends/wasm/start.ts";
import { window2D } from "../../runtime/backends/wasm/window.ts";
import { filled } from "../fixtures/layer_gradients.ts";

const ids = (values: number[]) => tf.tensor1d(values, "int32");
const whole = (shape: number[]) => tf.cast(tf.mul(filled(shape, 0.4), 9), "int32");

/** Kernels that are ours, where no layer reaches them in every way. */
const COMPUTATIONS: Record<string, () => tf.Tensor> = {
  "einsum, a product": () => tf.einsum("ij,jk->ik", filled([3, 4], 1), filled([4, 5], 2)),
  "einsum, attention": () =>
    tf.einsum("bqhd,bkhd->bhqk", filled([2, 3, 2, 4], 1), filled([2, 5, 2, 4], 2)),
  "einsum, an outer product": () => tf.einsum("i,j->ji", filled([3], 1), filled([4], 2)),
  "einsum, an inner product": () => tf.einsum("i,i->", filled([6], 1), filled([6], 2)),
  "einsum, a transposed sum": () => tf.einsum("ijk->ki", filled([2, 3, 4], 1)),
  "einsum, sums on both sides": () =>
    tf.einsum("ijx,jky->ik", filled([2, 3, 2], 1), filled([3, 4, 5], 2)),
  "unsortedSegmentSum": () => tf.unsortedSegmentSum(filled([5, 2, 3], 1), ids([2, 0, 2, 3, 0]), 5),
  "unsortedSegmentSum, ids outside": () =>
    tf.unsortedSegmentSum(filled([4, 2], 1), ids([-1, 1, 7, 1]), 3),
  "gather": () => tf.gather(filled([5, 3], 1), ids([4, 0, 4])),
  "gather along the last axis": () => tf.gather(filled([2, 3, 5], 1), ids([4, 1]), 2),
  "gather by a matrix": () =>
    tf.gather(filled([5, 3], 1), tf.tensor2d([[1, 2], [3, 0]], [2, 2], "int32"), 0),
  "gather in batches": () =>
    tf.gather(filled([2, 4, 3], 1), tf.tensor2d([[1, 2], [3, 0]], [2, 2], "int32"), 1, 1),
  "gather of whole numbers": () => tf.gather(whole([5, 3]), ids([2, 0]), 1),
  "sum of all": () => tf.sum(filled([3, 4, 5], 1)),
  "sum of a middle axis": () => tf.sum(filled([3, 4, 5], 1), 1),
  "sum of first axes": () => tf.sum(filled([3, 4, 5], 1), [0, 1], true),
  "sum of axes apart": () => tf.sum(filled([3, 4, 5], 1), [0, 2]),
  "sum of axes in any order": () => tf.sum(filled([3, 4, 5], 1), [-1, 1]),
  "sum of whole numbers": () => tf.sum(whole([3, 4, 5]), 0),
  "sum of bools": () => tf.sum(tf.greater(filled([3, 4], 1), 0), 1),
  "mean of all": () => tf.mean(filled([3, 4, 5], 1)),
  "mean of first axes": () => tf.mean(filled([3, 4, 5], 1), [0, 1], true),
  "mean of axes apart": () => tf.mean(filled([3, 4, 5], 1), [0, 2]),
  "mean of whole numbers": () => tf.mean(whole([3, 4, 5]), 2),
  "a batch of large products": () => tf.matMul(filled([3, 64, 70], 1), filled([3, 70, 66], 2)),
  "a batch of large products, transposed": () =>
    tf.matMul(filled([2, 2, 64, 70], 1), filled([2, 2, 66, 70], 2), false, true),
};

for (const [name, compute] of Object.entries(COMPUTATIONS)) {
  Deno.test(`${name} on wasm equals cpu and leaves nothing behind`, async () => {
    const result = () =>
      tf.tidy(() => {
        const { dtype, shape } = compute();
        return { dtype, shape, values: Array.from(compute().dataSync() as Float32Array) };
      });
    await startWasm();
    const buffers = tf.engine().backend.numDataIds();
    const actual = result();
    assertEquals(tf.engine().backend.numDataIds(), buffers);
    await tf.setBackend("cpu");
    const expected = result();
    assertEquals([actual.dtype, actual.shape], [expected.dtype, expected.shape]);
    expected.values.forEach((value, at) =>
      assertAlmostEquals(actual.values[at]!, value, 1e-5 * Math.max(1, Math.abs(value)))
    );
  });
}

Deno.test("gather on wasm refuses an index outside, and leaves nothing behind", async () => {
  await startWasm();
  const buffers = tf.engine().backend.numDataIds();
  tf.tidy(() => {
    assertThrows(() => tf.gather(filled([5, 3], 1), ids([5])), RangeError, "5 is not in [0, 4]");
    assertThrows(() => tf.gather(filled([5, 3], 1), ids([-1])), RangeError, "-1 is not in [0, 4]");
  });
  assertEquals(tf.engine().backend.numDataIds(), buffers);
});

Deno.test("a clone on wasm shares memory and outlives its original", async () => {
  await startWasm();
  const original = tf.tensor1d([1, 2, 3]);
  const buffers = tf.engine().backend.numDataIds();
  const clone = original.clone();
  assertEquals(tf.engine().backend.numDataIds(), buffers);
  original.dispose();
  assertEquals([...clone.dataSync()], [1, 2, 3]);
  clone.dispose();
  assertEquals(tf.engine().backend.numDataIds(), buffers - 1);
});

Deno.test("a convolution and its gradients are the same in one piece and line by line", async () => {
  await startWasm();
  const backend = tf.engine().backend as unknown as BackendWasm;
  const attributes = { strides: 2, pad: "same" as const };
  const window = window2D([2, 7, 6, 3], [3, 3, 3, 4], attributes);
  const [x, dy] = [filled([2, 7, 6, 3], 1), filled([2, 4, 3, 4], 2)];
  const filter = filled([3, 3, 3, 4], 3);
  const buffers = backend.numDataIds();
  const pieces = (limit: number) =>
    [
      convolve(backend, window, x, filter, limit),
      filterGradient(backend, window, x, dy, limit),
      inputGradient(backend, window, dy, filter, limit),
    ].map((made) => {
      const values = Array.from(backend.readSync(made.dataId) as Float32Array);
      backend.disposeData(made.dataId);
      return values;
    });
  const [whole, lines] = [pieces(2 ** 20), pieces(1)];
  assertEquals(backend.numDataIds(), buffers);
  assertEquals([lines[0], lines[2]], [whole[0], whole[2]]);
  lines[1]!.forEach((value, at) => assertAlmostEquals(value, whole[1]![at]!, 1e-5));
  tf.dispose([x, dy, filter]);
});
