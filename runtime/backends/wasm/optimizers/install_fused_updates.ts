import * as tf from "@tensorflow/tfjs";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { adadelta } from "./adadelta.ts";
import { adagrad } from "./adagrad.ts";
import { adam } from "./adam.ts";
import { adamax } from "./adamax.ts";
import { momentum } from "./momentum.ts";
import { rmsprop } from "./rmsprop.ts";
import { sgd } from "./sgd.ts";
import type { OptimizerFields, UpdateRule, WeightUpdate } from "./update_rule.ts";

type ApplyGradients = tf.Optimizer["applyGradients"];
type Gradients = Parameters<ApplyGradients>[0];

type NamedGradients = { name: string; tensor: tf.Tensor }[];

/** Elements above which the stock kernels, which take four at a time, are faster than one pass. */
const SMALL = 16_384;

/** A weight and the tensors that its update needs, all of one size. */
interface WeightTensors {
  value: tf.Variable;
  gradient: tf.Tensor;
  slots: tf.Variable[];
}

const RULES: readonly [{ prototype: tf.Optimizer }, UpdateRule][] = [
  [tf.SGDOptimizer, sgd],
  [tf.MomentumOptimizer, momentum],
  [tf.AdagradOptimizer, adagrad],
  [tf.AdadeltaOptimizer, adadelta],
  [tf.RMSPropOptimizer, rmsprop],
  [tf.AdamOptimizer, adam],
  [tf.AdamaxOptimizer, adamax],
];

/** Optimizers that have been taught already. */
const taught = new WeakSet<tf.Optimizer>();

/**
 * Lets the optimizers of `tf.train` move each small weight in one pass over wasm's memory. Their
 * dozen kernels a weight are a third of a small model's step; the bits are the same. What this does
 * not fit (other backends, large weights, the first step, which makes the slots) stays as it was.
 */
export function installFusedUpdates(): void {
  for (const [{ prototype }, rule] of RULES) {
    if (taught.has(prototype)) continue;
    taught.add(prototype);
    const stock = prototype.applyGradients;
    prototype.applyGradients = function (this: tf.Optimizer, gradients: Gradients): void {
      if (tf.getBackend() !== "wasm") return stock.call(this, gradients);
      const named = Array.isArray(gradients)
        ? gradients
        : Object.entries(gradients).map(([name, tensor]) => ({ name, tensor }));
      const rest = updateSmall(this, named, rule);
      if (rest !== null) stock.call(this, rest);
    };
  }
}

/** Moves the small weights. @returns What is left to the stock update; null if it is all done. */
function updateSmall(
  optimizer: tf.Optimizer,
  gradients: NamedGradients,
  rule: UpdateRule,
): NamedGradients | null {
  const backend = tf.backend() as BackendWasm;
  const fields = optimizer as unknown as OptimizerFields;
  const small = new Map<number, WeightTensors>();
  let large = 0;
  for (const [position, { name, tensor }] of gradients.entries()) {
    // tfjs leaves a weight that no gradient reached as it is.
    if ((tensor as tf.Tensor | null | undefined) == null) continue;
    const weight = smallWeight(backend, name, tensor, slotsAt(fields, rule, position));
    if (weight === null) large++;
    else small.set(position, weight);
  }
  moveWeights(backend, small.values(), rule.step(fields));
  if (large > 0 || small.size === 0) {
    // By position, as tfjs keeps its slots. The stock update advances the scalars and the count.
    return gradients.map(({ name, tensor }, position) => ({
      name,
      tensor: small.has(position) ? null as unknown as tf.Tensor : tensor,
    }));
  }
  for (const [field, value] of Object.entries(rule.advance?.(fields) ?? {})) {
    tf.tidy(() => (fields[field] as tf.Variable).assign(tf.scalar(value)));
  }
  (optimizer as unknown as { incrementIterations(): void }).incrementIterations();
  return null;
}

function slotsAt(
  fields: OptimizerFields,
  rule: UpdateRule,
  position: number,
): (tf.Variable | undefined)[] {
  return rule.slots(fields).map((field) =>
    (fields[field] as ({ variable: tf.Variable } | undefined)[])[position]?.variable
  );
}

/** Null for a weight that is not small, float32, on this backend, and with its slots made. */
function smallWeight(
  backend: BackendWasm,
  name: string,
  gradient: tf.Tensor,
  slots: (tf.Variable | undefined)[],
): WeightTensors | null {
  const value = tf.engine().registeredVariables[name];
  if (value === undefined || value.size > SMALL) return null;
  if (!slots.every((slot) => slot !== undefined)) return null;
  const fits = [value, gradient, ...slots].every((tensor) =>
    tensor.dtype === "float32" && tensor.size === value.size && backend.refCount(tensor.dataId) > 0
  );
  return fits ? { value, gradient, slots } : null;
}

function moveWeights(
  backend: BackendWasm,
  weights: Iterable<WeightTensors>,
  update: WeightUpdate,
): void {
  const moved = [...weights];
  tf.tidy(() => {
    for (const { value, slots } of moved) {
      // Kernels that pack a weight keep it packed for as long as its memory is the same.
      renew(backend, value);
      // Who holds a clone of a slot keeps its values.
      for (const slot of slots) if (backend.refCount(slot.dataId) > 1) renew(backend, slot);
    }
  });
  // Views are taken once nothing is allocated any more: memory may move then.
  const view = (tensor: tf.Tensor) => backend.typedArrayFromHeap(tensor) as Float32Array;
  for (const { value, gradient, slots } of moved) {
    update(view(value), view(gradient), ...slots.map(view));
  }
}

/** Gives a variable memory of its own, with the same values. */
function renew(backend: BackendWasm, variable: tf.Variable): void {
  const { shape, dtype } = variable;
  const info = backend.makeOutput(shape, dtype);
  backend.typedArrayFromHeap(info).set(backend.typedArrayFromHeap(variable));
  variable.assign(tf.engine().makeTensorFromTensorInfo(info));
}
