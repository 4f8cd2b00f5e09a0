import * as tf from "@tensorflow/tfjs";

/** Losses of TensorFlow.js by themselves, one value a target: they answer their mean unless told. */
type Unreduced = (yTrue: tf.Tensor, yPred: tf.Tensor) => tf.Tensor;

const { NONE } = tf.Reduction;

const UNREDUCED = new Map<unknown, Unreduced>([
  [tf.losses.absoluteDifference, (y, p) => tf.losses.absoluteDifference(y, p, undefined, NONE)],
  [tf.losses.hingeLoss, (y, p) => tf.losses.hingeLoss(y, p, undefined, NONE)],
  [tf.losses.meanSquaredError, (y, p) => tf.losses.meanSquaredError(y, p, undefined, NONE)],
  [tf.losses.huberLoss, (y, p) => tf.losses.huberLoss(y, p, undefined, undefined, NONE)],
  [tf.losses.logLoss, (y, p) => tf.losses.logLoss(y, p, undefined, undefined, NONE)],
  [
    tf.losses.sigmoidCrossEntropy,
    (y, p) => tf.losses.sigmoidCrossEntropy(y, p, undefined, undefined, NONE),
  ],
  [
    tf.losses.softmaxCrossEntropy,
    (y, p) => tf.losses.softmaxCrossEntropy(y, p, undefined, undefined, NONE),
  ],
]);

/** The unreduced form of one of `tf.losses`, given as a module gives it; null for any other function. */
export function unreducedForm(loss: unknown): Unreduced | null {
  return UNREDUCED.get(loss) ?? null;
}
