import type * as tf from "@tensorflow/tfjs";

/** Which fields of an optimizer hold its state, by how they are held. */
export interface OptimizerFields {
  /** Plain numbers and booleans. */
  hyperparameters: readonly string[];
  /** Scalars on the device, float32. */
  scalars: readonly string[];
  /** Lists of `{originalName, variable}`, one entry a weight; each with the suffix of its names. */
  slots: Readonly<Record<string, string>>;
}

/** The optimizer is of a class whose state cannot be captured, or the state is not its own. */
export class OptimizerStateError extends Error {
  override name = "OptimizerStateError";
}

/**
 * The state of each class of tfjs 4.22, read from its sources: the public `setWeights` of Adam
 * recomputes its betas, and `getWeights` of Adamax throws, so neither resumes to the bit.
 */
const FIELDS_OF_CLASS: Record<string, OptimizerFields> = {
  SGD: { hyperparameters: ["learningRate"], scalars: ["c"], slots: {} },
  Momentum: {
    hyperparameters: ["learningRate", "momentum", "useNesterov"],
    scalars: ["c", "m"],
    slots: { accumulations: "momentum" },
  },
  Adagrad: {
    hyperparameters: ["learningRate", "initialAccumulatorValue"],
    scalars: [],
    slots: { accumulatedGrads: "accumulator" },
  },
  RMSProp: {
    hyperparameters: ["learningRate", "decay", "momentum", "epsilon", "centered"],
    scalars: [],
    slots: {
      accumulatedMeanSquares: "rms",
      accumulatedMoments: "momentum",
      accumulatedMeanGrads: "mg",
    },
  },
  Adadelta: {
    hyperparameters: ["learningRate", "rho", "epsilon"],
    scalars: [],
    slots: { accumulatedGrads: "accum_grad", accumulatedUpdates: "accum_var" },
  },
  Adam: {
    hyperparameters: ["learningRate", "beta1", "beta2", "epsilon"],
    scalars: ["accBeta1", "accBeta2"],
    slots: { accumulatedFirstMoment: "m", accumulatedSecondMoment: "v" },
  },
  Adamax: {
    hyperparameters: ["learningRate", "beta1", "beta2", "epsilon", "decay"],
    scalars: ["accBeta1", "iteration"],
    slots: { accumulatedFirstMoment: "m", accumulatedWeightedInfNorm: "v" },
  },
};

/**
 * Which fields of an optimizer hold its state.
 *
 * @throws {OptimizerStateError} for a class other than the seven of tf.train, and for one derived
 * from them that keeps more: what is not captured could not be resumed to the bit.
 */
export function fieldsOf(optimizer: tf.Optimizer): OptimizerFields {
  const className = optimizer.getClassName();
  const fields = Object.hasOwn(FIELDS_OF_CLASS, className) ? FIELDS_OF_CLASS[className] : undefined;
  if (fields === undefined) {
    const known = Object.keys(FIELDS_OF_CLASS).join(", ");
    throw new OptimizerStateError(
      `optimizer ${className} cannot be checkpointed; those that can: ${known}`,
    );
  }
  const { hyperparameters, scalars, slots } = fields;
  const known = new Set([...hyperparameters, ...scalars, ...Object.keys(slots), "iterations_"]);
  for (const [field, value] of Object.entries(optimizer)) {
    if (!known.has(field) && typeof value !== "function") {
      throw new OptimizerStateError(
        `optimizer ${className} keeps a field "${field}" that a checkpoint would lose`,
      );
    }
  }
  return fields;
}
