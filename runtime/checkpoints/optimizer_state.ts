import * as tf from "@tensorflow/tfjs";
import { deviceCopy, hostCopy, type HostTensor, kindOf } from "./host_tensor.ts";
import { fieldsOf, OptimizerStateError } from "./optimizer_fields.ts";

/** Everything an optimizer remembers, raw, on the host. */
export interface OptimizerState {
  /** Class as tfjs names it: `Adam`, `SGD` ... */
  className: string;
  /** Steps it has taken. */
  iterations: number;
  hyperparameters: Record<string, number | boolean>;
  /** Scalars on the device, such as `accBeta1`. */
  scalars: Map<string, HostTensor>;
  /** By field, such as `accumulatedFirstMoment`; entries in the order it is given gradients. */
  slots: Map<string, OptimizerSlot[]>;
}

/** What an optimizer remembers of one weight. */
export interface OptimizerSlot {
  /** Position in `trainable` of the weight. */
  position: number;
  tensor: HostTensor;
}

/** An optimizer seen as its fields; tfjs marks them private. */
type Fields = Record<string, unknown>;

interface SlotEntry {
  originalName: string;
  variable: tf.Variable;
}

/**
 * Copies an optimizer's state to the host, at once; the optimizer is left as it is.
 *
 * @param trainable The variables it moves; slots are kept by position in this list.
 * @throws {OptimizerStateError} for a class it does not know, or a slot of another variable.
 */
export function captureOptimizer(
  optimizer: tf.Optimizer,
  trainable: readonly tf.Variable[],
): OptimizerState {
  const { hyperparameters, scalars, slots } = fieldsOf(optimizer);
  const fields = optimizer as unknown as Fields;
  const positions = new Map(trainable.map(({ name }, position) => [name, position]));
  return {
    className: optimizer.getClassName(),
    iterations: optimizer.iterations,
    hyperparameters: Object.fromEntries(
      hyperparameters.map((name) => [name, fields[name] as number | boolean]),
    ),
    scalars: new Map(scalars.map((name) => [name, hostCopy(name, fields[name] as tf.Tensor)])),
    slots: new Map(
      Object.keys(slots).map((slot) => [
        slot,
        (fields[slot] as SlotEntry[]).map(({ originalName, variable }) => ({
          position: positionOf(originalName, positions),
          tensor: hostCopy(originalName, variable),
        })),
      ]),
    ),
  };
}

/** tfjs names a slot `<variable>/<suffix>`. */
function positionOf(originalName: string, positions: ReadonlyMap<string, number>): number {
  const variable = originalName.slice(0, originalName.lastIndexOf("/"));
  const position = positions.get(variable);
  if (position !== undefined) return position;
  throw new OptimizerStateError(
    `the optimizer moves ${variable}, which is no trainable weight of the model`,
  );
}

/**
 * Gives an optimizer the state that {@linkcode captureOptimizer} took, so that its next step is
 * bit-identical. Slots that the state lacks are disposed: tfjs makes them anew at the next step.
 *
 * @throws {OptimizerStateError} before anything has changed, when the state is another class's or
 * does not fit `trainable`.
 */
export function restoreOptimizer(
  optimizer: tf.Optimizer,
  trainable: readonly tf.Variable[],
  state: OptimizerState,
): void {
  checkOptimizerState(optimizer, trainable, state);
  const { hyperparameters, scalars, slots } = fieldsOf(optimizer);
  const fields = optimizer as unknown as Fields;
  fields.iterations_ = state.iterations;
  for (const name of hyperparameters) fields[name] = state.hyperparameters[name];
  for (const name of scalars) fields[name] = restoredScalar(fields[name], state.scalars.get(name)!);
  for (const [slot, suffix] of Object.entries(slots)) {
    tf.dispose((fields[slot] as SlotEntry[]).map((entry) => entry.variable));
    fields[slot] = state.slots.get(slot)!.map(({ position, tensor }): SlotEntry => ({
      originalName: `${trainable[position]!.name}/${suffix}`,
      variable: tf.tidy(() => deviceCopy(tensor).variable(false)),
    }));
  }
}

/** Variables are assigned; a kept tensor, such as SGD's `c`, is replaced. */
function restoredScalar(scalar: unknown, value: HostTensor): tf.Tensor {
  if (scalar instanceof tf.Variable) {
    tf.tidy(() => scalar.assign(deviceCopy(value)));
    return scalar;
  }
  (scalar as tf.Tensor).dispose();
  return tf.keep(deviceCopy(value));
}

/** @throws {OptimizerStateError} unless the state could be this optimizer's over `trainable`. */
export function checkOptimizerState(
  optimizer: tf.Optimizer,
  trainable: readonly tf.Variable[],
  state: OptimizerState,
): void {
  const className = optimizer.getClassName();
  const fail = (what: string) => new OptimizerStateError(`optimizer ${className}: ${what}`);
  if (state.className !== className) throw fail(`the state is of ${state.className}`);
  const { hyperparameters, scalars, slots } = fieldsOf(optimizer);
  for (const name of hyperparameters) {
    if (state.hyperparameters[name] === undefined) throw fail(`${name} is missing`);
  }
  for (const name of scalars) {
    const scalar = state.scalars.get(name);
    if (scalar === undefined) throw fail(`scalar ${name} is missing`);
    if (kindOf(scalar) !== "float32 []") throw fail(`scalar ${name} is ${kindOf(scalar)}`);
  }
  for (const slot of Object.keys(slots)) {
    const entries = state.slots.get(slot);
    if (entries === undefined) throw fail(`slot ${slot} is missing`);
    for (const { position, tensor } of entries) {
      const variable = trainable[position];
      if (variable === undefined) throw fail(`there is no weight at position ${position}`);
      if (kindOf(tensor) !== kindOf(variable)) {
        throw fail(`${slot} is ${kindOf(tensor)} where its weight is ${kindOf(variable)}`);
      }
    }
  }
}
