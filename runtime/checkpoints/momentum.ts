import * as tf from "@tensorflow/tfjs";

/** An optimizer seen by its momentum; tfjs marks the fields private. */
interface Moved {
  momentum?: unknown;
  /** The same on the device, where the class keeps it there. */
  m?: unknown;
}

/** The momentum of an optimizer, in [0, 1); null where its class has none. */
export function momentumOf(optimizer: tf.Optimizer): number | null {
  const { momentum } = optimizer as unknown as Moved;
  return typeof momentum === "number" ? momentum : null;
}

/**
 * Sets the momentum of an optimizer from its next step on; what it has accumulated stays.
 *
 * @throws {TypeError} for an optimizer that has none.
 */
export function setMomentum(optimizer: tf.Optimizer, momentum: number): void {
  if (momentumOf(optimizer) === null) {
    throw new TypeError(
      `optimizer ${optimizer.getClassName()} has no momentum; Momentum and RMSProp have`,
    );
  }
  const moved = optimizer as unknown as Moved;
  moved.momentum = momentum;
  // Its own setter forgets the scalar that steps are computed with.
  if (moved.m instanceof tf.Tensor) {
    moved.m.dispose();
    moved.m = tf.keep(tf.scalar(momentum));
  }
}
