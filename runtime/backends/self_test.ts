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
 * dense layer forward, products with every transposition, reductions, an sgd and an adam step.
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
