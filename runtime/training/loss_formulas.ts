import * as tf from "@tensorflow/tfjs";
import { readValues } from "../backends/tensor_view.ts";
import type { LossName } from "../job_definition.ts";

/** A loss and its gradient, as few kernels as they take: dispatch is what a small step is made of. */
export interface LossFormula {
  /** Targets, brought to the shape that `forward` takes. @throws {TypeError} if they do not fit. */
  fit(yTrue: tf.Tensor, yPred: tf.Tensor): tf.Tensor;
  forward(yTrue: tf.Tensor, yPred: tf.Tensor): LossForward;
}

/** One forward pass. */
export interface LossForward {
  /** Losses, first axis the sample; a sample's loss is the mean of its values. */
  values: tf.Tensor;
  /** What `slope` needs. */
  saved: tf.Tensor[];
  /** Derivative of the sum of `values` with respect to yPred, shape of yPred. */
  slope(saved: tf.Tensor[]): tf.Tensor;
}

/** Keeps logarithms finite, and is what Keras clips probabilities at. */
const EPSILON = 1e-7;

/** -sum(y log p) over the last axis; p are probabilities. */
function crossEntropy(yTrue: tf.Tensor, yPred: tf.Tensor): LossForward {
  const p = tf.clipByValue(yPred, EPSILON, 1);
  return {
    values: tf.neg(tf.sum(tf.mul(yTrue, tf.log(p)), -1)),
    saved: [yTrue, p],
    slope: ([y, p]) => tf.neg(tf.div(y!, p!)),
  };
}

/** The same of softmax(yPred); stable, since the largest logit is taken off first. */
function softmaxCrossEntropy(yTrue: tf.Tensor, yPred: tf.Tensor): LossForward {
  const shifted = tf.sub(yPred, tf.max(yPred, -1, true));
  const exponentials = tf.exp(shifted);
  const total = tf.sum(exponentials, -1, true);
  return {
    values: tf.sum(tf.mul(yTrue, tf.sub(tf.log(total), shifted)), -1),
    saved: [yTrue, exponentials, total],
    slope: ([y, exponentials, total]) => {
      return tf.sub(tf.mul(tf.div(exponentials!, total!), tf.sum(y!, -1, true)), y!);
    },
  };
}

/** -(y log p + (1 - y) log(1 - p)); p are probabilities. */
function binaryCrossEntropy(yTrue: tf.Tensor, yPred: tf.Tensor): LossForward {
  const p = tf.clipByValue(yPred, EPSILON, 1 - EPSILON);
  const q = tf.sub(1, p);
  const agreed = tf.mul(yTrue, tf.log(p));
  const denied = tf.mul(tf.sub(1, yTrue), tf.log(q));
  return {
    values: tf.neg(tf.add(agreed, denied)),
    saved: [yTrue, p, q],
    slope: ([y, p, q]) => tf.div(tf.sub(p!, y!), tf.mul(p!, q!)),
  };
}

function squaredError(yTrue: tf.Tensor, yPred: tf.Tensor): LossForward {
  const difference = tf.sub(yPred, yTrue);
  return {
    values: tf.square(difference),
    saved: [difference],
    slope: ([difference]) => tf.mul(difference!, 2),
  };
}

function absoluteError(yTrue: tf.Tensor, yPred: tf.Tensor): LossForward {
  const difference = tf.sub(yPred, yTrue);
  return {
    values: tf.abs(difference),
    saved: [difference],
    slope: ([difference]) => tf.sign(difference!),
  };
}

/** Targets of the predictions' shape; [batch] stands for [batch, 1]. */
function sameShape(yTrue: tf.Tensor, yPred: tf.Tensor): tf.Tensor {
  if (tf.util.arraysEqual(yTrue.shape, yPred.shape)) return yTrue;
  const onlyAxis = yTrue.rank === 1 && yPred.rank === 2 && yPred.shape[1] === 1;
  if (onlyAxis && yTrue.size === yPred.size) return tf.reshape(yTrue, yPred.shape);
  throw new TypeError(
    `targets of shape [${yTrue.shape}] do not fit predictions of shape [${yPred.shape}]`,
  );
}

/** One-hot targets of class numbers [batch, ...], or [batch, ..., 1]. */
function oneHotOfClasses(yTrue: tf.Tensor, yPred: tf.Tensor): tf.Tensor {
  const classes = yPred.shape.at(-1) ?? 0;
  const places = yPred.shape.slice(0, -1);
  const fits = tf.util.arraysEqual(yTrue.shape, places) ||
    tf.util.arraysEqual(yTrue.shape, [...places, 1]);
  if (!fits || yPred.rank < 2) {
    throw new TypeError(
      `class numbers of shape [${yTrue.shape}] do not fit predictions of shape ` +
        `[${yPred.shape}]; expected [${places}]`,
    );
  }
  // oneHot makes a row of zeros of a class that does not exist, and its loss would be 0.
  const wrong = readValues(yTrue).find((label) =>
    !(Number.isInteger(label) && label >= 0 && label < classes)
  );
  if (wrong !== undefined) {
    throw new TypeError(`target ${wrong} is not a class from 0 to ${classes - 1}`);
  }
  return tf.oneHot(tf.cast(tf.reshape(yTrue, places), "int32"), classes);
}

/** Every loss that goes by a name. */
export const LOSS_FORMULAS: Record<LossName, LossFormula> = {
  categoricalCrossentropy: { fit: sameShape, forward: crossEntropy },
  sparseCategoricalCrossentropy: { fit: oneHotOfClasses, forward: crossEntropy },
  binaryCrossentropy: { fit: sameShape, forward: binaryCrossEntropy },
  meanSquaredError: { fit: sameShape, forward: squaredError },
  meanAbsoluteError: { fit: sameShape, forward: absoluteError },
  softmaxCrossEntropy: { fit: sameShape, forward: softmaxCrossEntropy },
};
