import type { CheckpointSnapshot, LoadedCheckpoint } from "../checkpoints/checkpoint.ts";
import type { HostTensor } from "../checkpoints/host_tensor.ts";
import type { Json } from "../protocol/json.ts";

/** Where a checkpoint and a run at its step part. `element` is the tensor's, row-major. */
export interface TensorDifference {
  tensor: string;
  element: number | null;
  saved: Json;
  recomputed: Json;
}

/**
 * State that a step alone decides. Hyperparameters are left out: a checkpoint may be of before or
 * of after the change that was made at its step.
 */
const STATE = ["step", "axis_step", "epoch", "sampler", "val_loss", "totals", "callbacks"];

/** The first tensor, bit by bit, then the first part of the state that is not the same; or null. */
export function compareCheckpoint(
  saved: LoadedCheckpoint,
  recomputed: CheckpointSnapshot,
): TensorDifference | null {
  const names = new Set([...recomputed.tensors.keys(), ...saved.tensors.keys()]);
  for (const name of names) {
    const difference = compareTensor(saved.tensors.get(name), recomputed.tensors.get(name));
    if (difference !== null) return { tensor: name, ...difference };
  }
  const state = JSON.parse(recomputed.metadata["state"] ?? "{}") as Record<string, Json>;
  for (const part of STATE) {
    const [was, is] = [saved.state[part] ?? null, state[part] ?? null];
    if (JSON.stringify(was) === JSON.stringify(is)) continue;
    return { tensor: `state/${part}`, element: null, saved: was, recomputed: is };
  }
  return null;
}

function compareTensor(
  saved: HostTensor | undefined,
  recomputed: HostTensor | undefined,
): Omit<TensorDifference, "tensor"> | null {
  if (saved === undefined || recomputed === undefined || kind(saved) !== kind(recomputed)) {
    return { element: null, saved: kind(saved), recomputed: kind(recomputed) };
  }
  const [was, is] = [bytesOf(saved.values), bytesOf(recomputed.values)];
  const byte = was.findIndex((value, at) => value !== is[at]);
  if (byte < 0) return null;
  const element = Math.floor(byte / saved.values.BYTES_PER_ELEMENT);
  return { element, saved: saved.values[element]!, recomputed: recomputed.values[element]! };
}

function kind(tensor: HostTensor | undefined): string {
  return tensor === undefined ? "not there" : `${tensor.dtype} [${tensor.shape}]`;
}

function bytesOf({ buffer, byteOffset, byteLength }: HostTensor["values"]): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
