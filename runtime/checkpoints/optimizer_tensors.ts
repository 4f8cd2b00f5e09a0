import { z } from "zod";
import { OptimizerStateError } from "./optimizer_fields.ts";
import type { OptimizerState } from "./optimizer_state.ts";
import type { HostTensor } from "./host_tensor.ts";

/** What stands in a file's metadata of an optimizer; its tensors stand beside the weights. */
const OptimizerHeader = z.strictObject({
  class: z.string(),
  iterations: z.number().int().min(0),
  // JSON has no NaN or infinity; with such a rate every weight is NaN by now.
  hyperparameters: z.record(z.string(), z.union([z.number(), z.boolean(), z.null()])),
  scalars: z.array(z.string()),
  /** Keys of the weights that each slot remembers, in the optimizer's order. */
  slots: z.record(z.string(), z.array(z.string())),
});

/**
 * An optimizer's state as metadata and tensors named `<prefix>/<scalar>` and
 * `<prefix>/<slot>/<key>`.
 *
 * @param keys Keys of the trainable weights, by position.
 */
export function encodeOptimizer(
  state: OptimizerState,
  keys: readonly string[],
  prefix = "optimizer",
): { header: string; tensors: Map<string, HostTensor> } {
  const tensors = new Map<string, HostTensor>();
  for (const [scalar, tensor] of state.scalars) tensors.set(`${prefix}/${scalar}`, tensor);
  const slots: Record<string, string[]> = {};
  for (const [slot, entries] of state.slots) {
    slots[slot] = entries.map(({ position }) => keys[position]!);
    for (const { position, tensor } of entries) {
      tensors.set(`${prefix}/${slot}/${keys[position]}`, tensor);
    }
  }
  const { className, iterations, hyperparameters } = state;
  const header: z.infer<typeof OptimizerHeader> = {
    class: className,
    iterations,
    hyperparameters,
    scalars: [...state.scalars.keys()],
    slots,
  };
  return { header: JSON.stringify(header), tensors };
}

/**
 * Reads back what {@linkcode encodeOptimizer} wrote.
 *
 * @param keys Keys of the trainable weights, by position, of the model it is for.
 * @throws {OptimizerStateError} when a tensor is missing, or remembers a weight that is not there.
 */
export function decodeOptimizer(
  header: string,
  tensors: ReadonlyMap<string, HostTensor>,
  keys: readonly string[],
  prefix = "optimizer",
): OptimizerState {
  const parsed = OptimizerHeader.safeParse(JSON.parse(header));
  if (!parsed.success) throw new OptimizerStateError("its metadata is damaged");
  const { class: className, iterations, hyperparameters, scalars, slots } = parsed.data;
  const tensorNamed = (name: string) => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new OptimizerStateError(`tensor ${name} is missing`);
    return tensor;
  };
  const positions = new Map(keys.map((key, position) => [key, position]));
  const positionOf = (key: string) => {
    const position = positions.get(key);
    if (position === undefined) {
      throw new OptimizerStateError(`the model has no trainable weight ${key}`);
    }
    return position;
  };
  return {
    className,
    iterations,
    hyperparameters: Object.fromEntries(
      Object.entries(hyperparameters).map(([name, value]) => [name, value ?? NaN]),
    ),
    scalars: new Map(scalars.map((name) => [name, tensorNamed(`${prefix}/${name}`)])),
    slots: new Map(
      Object.entries(slots).map(([slot, weights]) => [
        slot,
        weights.map((key) => ({
          position: positionOf(key),
          tensor: tensorNamed(`${prefix}/${slot}/${key}`),
        })),
      ]),
    ),
  };
}
