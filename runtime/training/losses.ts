import * as tf from "@tensorflow/tfjs";
import type { JobContext, Loss, LossBatch, TensorOrRecord } from "../job_definition.ts";
import { unreducedForm } from "./library_losses.ts";
import { LOSS_FORMULAS, type LossFormula, type LossForward } from "./loss_formulas.ts";

/** A loss, whether it came by name or as a function. */
export interface ResolvedLoss {
  /** As the module gave it; `custom` for a function. */
  name: string;
  /**
   * Mean over the samples, sum(weights * losses) / sum(weights) where there are weights [batch].
   * Differentiable in yPred.
   *
   * @param batch What a function that takes the batch is given.
   */
  mean(
    yTrue: TensorOrRecord,
    yPred: tf.Tensor,
    weights?: tf.Tensor1D,
    batch?: SeenBatch,
  ): tf.Scalar;
  /** One loss a sample, [batch]; null where a function answers a scalar. Not differentiable. */
  perSample(yTrue: TensorOrRecord, yPred: tf.Tensor, batch?: SeenBatch): tf.Tensor1D | null;
}

/** A batch as a loss sees it, but for what the run itself knows. */
export type SeenBatch = Omit<LossBatch, "weights" | "ctx">;

/**
 * The loss that a module names or gives.
 *
 * `categoricalCrossentropy`, `sparseCategoricalCrossentropy` and `binaryCrossentropy` take
 * probabilities, `softmaxCrossEntropy` takes logits. Its methods throw a TypeError that names both
 * shapes when targets do not fit predictions; nothing is broadcast.
 *
 * @param ctx What a function that takes the batch finds in it.
 * @throws {TypeError} for an unknown name, listing the known ones.
 */
export function resolveLoss(loss: Loss, ctx?: JobContext): ResolvedLoss {
  if (typeof loss === "function") return functionLoss(loss, ctx);
  if (Object.hasOwn(LOSS_FORMULAS, loss)) return namedLoss(loss, LOSS_FORMULAS[loss]);
  const known = Object.keys(LOSS_FORMULAS).join(", ");
  throw new TypeError(`there is no loss "${loss}"; known: ${known}, or a function`);
}

function namedLoss(name: string, formula: LossFormula): ResolvedLoss {
  const fitted = (yTrue: TensorOrRecord, yPred: tf.Tensor) =>
    formula.fit(singleTarget(name, yTrue), yPred);
  return {
    name,
    mean(yTrue, yPred, weights) {
      const target = fitted(yTrue, yPred);
      return weightedMean((predicted) => formula.forward(target, predicted), yPred, weights);
    },
    perSample: (yTrue, yPred) =>
      tf.tidy(() => sampleMeans(formula.forward(fitted(yTrue, yPred), yPred).values)),
  };
}

/**
 * Mean of a formula with its gradient in closed form: half the kernels of letting TensorFlow.js
 * derive it, and no logarithm's gradient to overflow.
 */
function weightedMean(
  forward: (yPred: tf.Tensor) => LossForward,
  yPred: tf.Tensor,
  weights: tf.Tensor1D | undefined,
): tf.Scalar {
  checkWeights(yPred, weights);
  const gradient = tf.customGrad((predicted, save) => {
    const { values, saved, slope } = forward(predicted as tf.Tensor);
    (save as tf.GradSaveFunc)(saved);
    if (weights === undefined) {
      const { size } = values;
      return {
        value: tf.mean(values),
        gradFunc: (dy: tf.Tensor, kept: tf.Tensor[]) => tf.mul(slope(kept), tf.div(dy, size)),
      };
    }
    const perValue = values.size / weights.size;
    return {
      value: meanByWeight(sampleMeans(values), weights),
      gradFunc: (dy: tf.Tensor, kept: tf.Tensor[]) => {
        const share = tf.div(tf.mul(weights, dy), tf.mul(tf.sum(weights), perValue));
        return tf.mul(slope(kept), alongFirstAxis(share, yPred.rank));
      },
    };
  });
  return gradient(yPred) as tf.Scalar;
}

function functionLoss(compute: Exclude<Loss, string>, ctx: JobContext | undefined): ResolvedLoss {
  const takesBatch = compute.length > 2;
  const unreduced = unreducedForm(compute);
  const computed = (
    yTrue: TensorOrRecord,
    yPred: tf.Tensor,
    weights: tf.Tensor1D | undefined,
    batch: SeenBatch | undefined,
  ) => {
    const losses: unknown = unreduced !== null
      ? unreduced(singleTarget("the loss", yTrue), yPred)
      : compute(yTrue, yPred, { ...batch, weights, ctx } as LossBatch);
    if (!(losses instanceof tf.Tensor)) {
      throw new TypeError("the loss function must return a tensor: a scalar, or one loss a sample");
    }
    if (losses.rank === 0 || losses.shape[0] === yPred.shape[0]) return losses;
    throw new TypeError(
      `the loss function returned shape [${losses.shape}]; expected a scalar, or one loss for ` +
        `each of ${yPred.shape[0]} samples`,
    );
  };
  return {
    name: "custom",
    mean(yTrue, yPred, weights, batch) {
      const losses = computed(yTrue, yPred, weights, batch);
      if (weights === undefined) return losses.rank === 0 ? losses as tf.Scalar : tf.mean(losses);
      checkWeights(yPred, weights);
      if (losses.rank > 0) return meanByWeight(sampleMeans(losses), weights);
      if (takesBatch) return losses as tf.Scalar;
      throw new TypeError(
        "a loss function that returns a scalar cannot weigh samples; return one loss a sample, " +
          "or take the batch and weigh them: (yTrue, yPred, { weights }) => ...",
      );
    },
    perSample(yTrue, yPred, batch) {
      const losses = tf.tidy<tf.Tensor1D | undefined>(() => {
        const losses = computed(yTrue, yPred, undefined, batch);
        return losses.rank === 0 ? undefined : sampleMeans(losses);
      });
      return losses ?? null;
    },
  };
}

function singleTarget(name: string, yTrue: TensorOrRecord): tf.Tensor {
  if (yTrue instanceof tf.Tensor) return yTrue;
  const given = Object.keys(yTrue).join(", ");
  throw new TypeError(`${name} takes one tensor of targets, the batch has ${given}`);
}

function checkWeights(yPred: tf.Tensor, weights: tf.Tensor1D | undefined): void {
  if (weights === undefined || (weights.rank === 1 && weights.size === yPred.shape[0])) return;
  throw new TypeError(
    `weights of shape [${weights.shape}] do not fit ${yPred.shape[0]} samples; expected ` +
      `[${yPred.shape[0]}]`,
  );
}

/** [batch, ...] to [batch]. */
function sampleMeans(values: tf.Tensor): tf.Tensor1D {
  if (values.rank === 1) return tf.cast(values, "float32") as tf.Tensor1D;
  return tf.mean(tf.reshape(values, [values.shape[0]!, -1]), 1);
}

function meanByWeight(losses: tf.Tensor1D, weights: tf.Tensor1D): tf.Scalar {
  return tf.div(tf.sum(tf.mul(losses, weights)), tf.sum(weights));
}

function alongFirstAxis(values: tf.Tensor, rank: number): tf.Tensor {
  return tf.reshape(values, [-1, ...Array<number>(rank - 1).fill(1)]);
}
