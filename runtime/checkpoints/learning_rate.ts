import type * as tf from "@tensorflow/tfjs";

/** An optimizer seen by its rate; tfjs marks the field protected. */
interface Rated {
  learningRate?: unknown;
  setLearningRate?: (learningRate: number) => void;
}

/**
 * The learning rate of an optimizer.
 *
 * @throws {TypeError} for an optimizer of one's own that has none.
 */
export function learningRateOf(optimizer: tf.Optimizer): number {
  const { learningRate } = optimizer as unknown as Rated;
  if (typeof learningRate === "number") return learningRate;
  throw new TypeError(`optimizer ${optimizer.getClassName()} has no learningRate`);
}

/**
 * Sets the learning rate of an optimizer from its next step on.
 *
 * @throws {TypeError} for an optimizer of one's own that has none.
 */
export function setLearningRate(optimizer: tf.Optimizer, learningRate: number): void {
  learningRateOf(optimizer);
  const rated = optimizer as unknown as Rated;
  // SGD and Momentum keep the rate on the device too; their setter refreshes both.
  if (rated.setLearningRate !== undefined) rated.setLearningRate(learningRate);
  else rated.learningRate = learningRate;
}
