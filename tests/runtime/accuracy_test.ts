import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { startWasm } from "../../runtime/backends/wasm/start.ts";
import { accuracyKind, countCorrect } from "../../runtime/training/accuracy.ts";
import { l2Norm } from "../../runtime/training/norms.ts";

await startWasm();

const PREDICTED = () => tf.tensor2d([[0.7, 0.2, 0.1], [0.2, 0.3, 0.5], [0.1, 0.8, 0.1]]);

Deno.test("countCorrect() compares the largest output with one-hot and sparse targets", () => {
  tf.tidy(() => {
    const oneHot = tf.tensor2d([[1, 0, 0], [0, 0, 1], [0, 0, 1]]);
    assertEquals(countCorrect(oneHot, PREDICTED()), 2);
    assertEquals(countCorrect(oneHot.toInt(), PREDICTED(), "softmaxCrossEntropy"), 2);
    assertEquals(countCorrect(tf.tensor1d([0, 2, 2], "int32"), PREDICTED()), 2);
    assertEquals(countCorrect(tf.tensor2d([[0], [2], [1]]), PREDICTED()), 3);
  });
});

Deno.test("countCorrect() compares probabilities with 0.5 for binary cross entropy", () => {
  tf.tidy(() => {
    const yPred = tf.tensor2d([[0.9], [0.2], [0.6]]);
    assertEquals(countCorrect(tf.tensor2d([[1], [0], [0]]), yPred, "binaryCrossentropy"), 2);
    assertEquals(countCorrect(tf.tensor1d([1, 0, 1]), yPred, "binaryCrossentropy"), 3);
  });
});

Deno.test("countCorrect() takes soft targets where the loss says they are classes", () => {
  tf.tidy(() => {
    const soft = tf.tensor2d([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8], [0.1, 0.1, 0.8]]);
    assertEquals(countCorrect(soft, PREDICTED(), "categoricalCrossentropy"), 2);
    assertEquals(countCorrect(soft, PREDICTED()), null);
  });
});

Deno.test("countCorrect() is null for regressions, records and shapes without classes", () => {
  tf.tidy(() => {
    const zeros = tf.zeros([3, 1]);
    assertEquals(countCorrect(zeros, tf.zeros([3, 1]), "meanSquaredError"), null);
    assertEquals(countCorrect(PREDICTED(), PREDICTED(), "meanAbsoluteError"), null);
    assertEquals(countCorrect(zeros, tf.zeros([3, 1])), null);
    assertEquals(countCorrect({ a: zeros }, PREDICTED()), null);
    assertEquals(countCorrect(tf.tensor1d([0.5, 1, 2]), PREDICTED()), null);
  });
});

Deno.test("countCorrect() and l2Norm() make no tensor", () => {
  const [yTrue, yPred] = [tf.tensor1d([0, 2, 1], "int32"), PREDICTED()];
  const before = tf.memory().numTensors;
  countCorrect(yTrue, yPred);
  l2Norm([yPred]);
  assertEquals(tf.memory().numTensors, before);
  tf.dispose([yTrue, yPred]);
});

Deno.test("accuracyKind() follows the loss before the shapes", () => {
  assertEquals(accuracyKind("softmaxCrossEntropy", [8, 3], [8, 3]), "one_hot");
  assertEquals(accuracyKind("sparseCategoricalCrossentropy", [8], [8, 3]), "sparse");
  assertEquals(accuracyKind("binaryCrossentropy", [8, 1], [8, 1]), "binary");
  assertEquals(accuracyKind("binaryCrossentropy", [8, 3], [8, 3]), null);
  assertEquals(accuracyKind("meanSquaredError", [8, 3], [8, 3]), null);
  assertEquals(accuracyKind("softmaxCrossEntropy", [8, 5, 3], [8, 5, 3]), null);
});

Deno.test("l2Norm() is the global norm over all tensors, in double precision", () => {
  tf.tidy(() => {
    assertEquals(l2Norm([tf.tensor1d([3]), tf.tensor2d([[0, 4]])]), 5);
    assertEquals(l2Norm([]), 0);
    assertEquals(l2Norm([tf.tensor1d([1e30])]), Math.fround(1e30));
    assertEquals(l2Norm([tf.tensor1d([1, NaN])]), NaN);
  });
});
