import type * as tf from "@tensorflow/tfjs";
import { OptimizerStateError } from "./optimizer_fields.ts";
import { optimizersOf } from "./optimizer_group.ts";
import { captureOptimizer, checkOptimizerState, restoreOptimizer } from "./optimizer_state.ts";
import { decodeOptimizer, encodeOptimizer } from "./optimizer_tensors.ts";
import type { HostTensor } from "./host_tensor.ts";

/** Key under which the metadata of several optimizers have each one's, by its prefix. */
const MEMBERS = "members";

/** Metadata and tensors of an optimizer, or of each in a group. */
export function encodeOptimizers(
  optimizer: tf.Optimizer,
  trainable: readonly tf.Variable[],
  keys: readonly string[],
): { header: string; tensors: Map<string, HostTensor> } {
  const tensors = new Map<string, HostTensor>();
  const headers = [...optimizersOf(optimizer)].map(([prefix, each]) => {
    const encoded = encodeOptimizer(captureOptimizer(each, trainable), keys, prefix);
    for (const [name, tensor] of encoded.tensors) tensors.set(name, tensor);
    return [prefix, encoded.header] as const;
  });
  const [first] = headers;
  if (headers.length === 1 && first![0] === "optimizer") return { header: first![1], tensors };
  const members = Object.fromEntries(headers.map(([prefix, text]) => [prefix, JSON.parse(text)]));
  return { header: JSON.stringify({ [MEMBERS]: members }), tensors };
}

/**
 * Gives an optimizer, or each in a group, the state that {@linkcode encodeOptimizers} took.
 *
 * @throws {OptimizerStateError} before anything has changed, when a part does not fit.
 */
export function restoreOptimizers(
  optimizer: tf.Optimizer,
  trainable: tf.Variable[],
  keys: readonly string[],
  { header, tensors }: { header: string; tensors: ReadonlyMap<string, HostTensor> },
): void {
  const headers = headersIn(header);
  const own = optimizersOf(optimizer);
  const names = (of: Map<string, unknown>) => [...of.keys()].sort().join(", ");
  if (names(headers) !== names(own)) {
    throw new OptimizerStateError(
      `it holds the state of ${names(headers)}; the module makes ${names(own)}`,
    );
  }
  const states = [...own].map(([prefix, each]) => {
    const state = decodeOptimizer(headers.get(prefix)!, tensors, keys, prefix);
    checkOptimizerState(each, trainable, state);
    return { each, state };
  });
  for (const { each, state } of states) restoreOptimizer(each, trainable, state);
}

/** Each optimizer's metadata by the prefix of its tensors. */
function headersIn(header: string): Map<string, string> {
  const parsed = JSON.parse(header) as Record<string, unknown>;
  const members = parsed[MEMBERS] as Record<string, unknown> | undefined;
  if (members === undefined) return new Map([["optimizer", header]]);
  return new Map(Object.entries(members).map(([name, value]) => [name, JSON.stringify(value)]));
}
