import type * as tf from "@tensorflow/tfjs";

/** An optimizer of tfjs seen as its fields, which it marks as private. */
export type OptimizerFields = Readonly<Record<string, unknown>>;

/**
 * Moves one weight in place. All arrays are as long as the weight.
 *
 * @param value The weight.
 * @param gradient Of the loss by the weight; left as it is.
 * @param slots What the optimizer remembers of the weight, in the rule's order.
 */
export type WeightUpdate = (
  value: Float32Array,
  gradient: Float32Array,
  ...slots: Float32Array[]
) => void;

/**
 * One optimizer's formula. Every operation is rounded to float32 in the order in which tfjs applies
 * its kernels, so that the weights come out bit-identical to the stock optimizer's.
 */
export interface UpdateRule {
  /** Fields of the optimizer that hold one `{variable}` a weight. */
  slots(optimizer: OptimizerFields): readonly string[];
  /** The update of this step, with the hyperparameters as they are now. */
  step(optimizer: OptimizerFields): WeightUpdate;
  /** Scalars of the optimizer after the step, by field. */
  advance?(optimizer: OptimizerFields): Readonly<Record<string, number>>;
}

/** A hyperparameter, as tfjs's kernels see it: rounded to float32. */
export function float(value: unknown): number {
  return Math.fround(value as number);
}

/** The value of a scalar that an optimizer keeps as a tensor. */
export function scalar(optimizer: OptimizerFields, field: string): number {
  return (optimizer[field] as tf.Scalar).dataSync()[0]!;
}
