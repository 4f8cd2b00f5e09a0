import * as tf from "@tensorflow/tfjs";
import { readValues } from "./tensor_view.ts";

/** A backend that computes wrong numbers. */
export class BackendSelfTestError extends Error {
  override name = "BackendSelfTestError";
}

/** Largest difference to the expected value that counts as rounding. */
const TOLERANCE = 1e-5;

/**
 * Computes a few small things on the current backend and compares them with what cpu made of them:
 * dense layer forward, products with every transposition, a convolution with its gradients, pooling,
 * reductions, an sgd and an adam step.
 * Takes milliseconds; leaves no tensor behind.
 *
 * @throws {BackendSelfTestError} that names the first thing that came out wrong.
 */
export function selfTest(): void {
  for (const [name, { compute, expected }] of Object.entries(CHECKS)) {
    const actual = tf.tidy(() => Array.from(readValues(compute())));
    const wrong = expected.findIndex((value, at) => !(Math.abs(value - actual[at]!) <= TOLERANCE));
    if (wrong === -1 && actual.length === expected.length) continue;
    throw new BackendSelfTestError(
      `${name} on ${tf.getBackend()}: expected [${expected}], got [${actual}]`,
    );
  }
}

interface Check {
  compute(): tf.Tensor;
  /** What `compute` gives on cpu, row-major. */
  expected: readonly number[];
}

const A = () => tf.tensor2d([0.5, -1, 2, 1.5, 0.25, -0.75], [2, 3]);
const B = () => tf.tensor2d([1, -0.5, 0.25, 2, -1.5, 0.75], [3, 2]);
const BIAS = () => tf.tensor1d([0.1, -0.1]);
const W = () => tf.tensor2d([0.1, -0.2, 0.3, 0.4, -0.5, 0.6], [3, 2]);

/** An image [1, 3, 3, 1] and a filter [2, 2, 1, 2]. */
const IMAGE = () => tf.tensor4d([1, -2, 0.5, 3, 0.25, -1, 2, -0.5, 1.5], [1, 3, 3, 1]);
const FILTER = () => tf.tensor4d([0.5, -1, 2, 0.25, -0.75, 1, 1.5, -0.5], [2, 2, 1, 2]);

/** The gradients of image and filter for the sum of the squared outputs. */
function convolutionGradients(): tf.Tensor {
  const [image, filter] = tf.grads((image: tf.Tensor, filter: tf.Tensor) =>
    tf.sum(tf.square(tf.conv2d(image as tf.Tensor4D, filter as tf.Tensor4D, 1, "valid")))
  )([IMAGE(), FILTER()]) as [tf.Tensor, tf.Tensor];
  return tf.concat([tf.reshape(image, [-1]), tf.reshape(filter, [-1])]);
}

/** The maxima of the image's four corners, and where their gradients go. */
function poolingAndGradient(): tf.Tensor {
  const pool = (image: tf.Tensor) => tf.maxPool(image as tf.Tensor4D, 2, 1, "valid");
  const gradient = tf.grad((image: tf.Tensor) => tf.sum(tf.square(pool(image))))(IMAGE());
  return tf.concat([tf.reshape(pool(IMAGE()), [-1]), tf.reshape(gradient, [-1])]);
}

/** One optimizer step on W by the gradient of mean((A W)^2). */
function stepped(optimizer: tf.Optimizer): tf.Tensor {
  const weights = tf.variable(W());
  const a = A();
  optimizer.minimize(() => tf.mean(tf.square(tf.matMul(a, weights as tf.Tensor2D))), false, [
    weights,
  ]);
  const moved = weights.clone();
  weights.dispose();
  optimizer.dispose();
  return moved;
}

const CHECKS: Record<string, Check> = {
  "a dense layer's forward pass": {
    compute: () =>
      tf.softmax(tf.fused.matMul({ a: A(), b: W(), bias: BIAS(), activation: "relu" })),
    expected: [0.3543437, 0.6456563, 0.6681878, 0.3318122],
  },
  "a matrix product": {
    compute: () => tf.matMul(A(), B()),
    expected: [-2.75, -0.75, 2.6875, -0.8125],
  },
  "a matrix product, first operand transposed": {
    compute: () => tf.matMul(B(), W(), true, false),
    expected: [0.925, -1, 0.175, 1.35],
  },
  "a matrix product, second operand transposed": {
    compute: () => tf.matMul(B(), W(), false, true),
    expected: [0.2, 0.1, -0.8, -0.375, 0.875, 1.075, -0.3, -0.15, 1.2],
  },
  "a matrix product, both operands transposed": {
    compute: () => tf.matMul(B(), A(), true, true),
    expected: [-2.75, 2.6875, -0.75, -0.8125],
  },
  "a convolution": {
    compute: () => tf.conv2d(IMAGE(), FILTER(), 1, "valid"),
    expected: [-5.375, 1.375, -1.6875, 2.875, -0.25, -0.6875, 0.75, -1.75],
  },
  "the gradients of a convolution": {
    compute: convolutionGradients,
    expected: [
      -8.125,
      -28.25,
      -5.3125,
      11.9375,
      -6.3125,
      -5.8125,
      -1,
      -4.6875,
      4,
      -5.125,
      -13.75,
      18.1875,
      0.53125,
      -34.84375,
      8.6875,
      3.1875,
      -9.625,
    ],
  },
  "a pooling and its gradient": {
    compute: poolingAndGradient,
    expected: [3, 0.5, 3, 1.5, 0, 0, 1, 12, 0, 0, 0, 0, 3],
  },
  "sums and maxima": {
    compute: () => tf.concat([tf.sum(A(), 1), tf.mean(A(), 0), tf.max(A(), 1)]),
    expected: [1.5, 1, 1, -0.375, 0.625, 2, 1.5],
  },
  "an sgd step": {
    compute: () => stepped(tf.train.sgd(0.1)),
    expected: [0.08625, -0.16875, 0.23, 0.443125, -0.3525, 0.505625],
  },
  "an adam step": {
    compute: () => stepped(tf.train.adam(0.1)),
    expected: [7e-07, -0.1000007, 0.2000007, 0.4999993, -0.4000007, 0.5000007],
  },
};
