import { createHash } from "node:crypto";
import type * as tf from "@tensorflow/tfjs";
import type { Json, JsonObject } from "../protocol/json.ts";
import type { SafetensorsDtype } from "../protocol/safetensors_header.ts";
import type { ModelHandle } from "../training/model_handle.ts";
import { writeAtomically, type WrittenFile } from "./atomic_write.ts";
import { CheckpointError, reasonOf } from "./checkpoint_error.ts";
import type { HostTensor } from "./host_tensor.ts";
import { encodeOptimizers, restoreOptimizers } from "./optimizer_states.ts";
import { decodeSafetensors, encodeSafetensors, type SafetensorsTensor } from "./safetensors.ts";
import { assignWeights, captureWeights, checkWeights } from "./weights.ts";

export { CheckpointError } from "./checkpoint_error.ts";

const FORMAT = "onthefly-checkpoint";
const VERSION = "1";
const INDICES = "selection/indices";
const VAL_SLICE = "selection/val";

const DTYPE_IN_FILE = { float32: "F32", int32: "I32", bool: "BOOL" } as const;

/** Everything of a run at one step, on the host: later steps do not change it. */
export interface CheckpointSnapshot {
  tensors: Map<string, HostTensor>;
  metadata: Record<string, string>;
}

/** A checkpoint that was read and found whole. */
export interface LoadedCheckpoint {
  readonly path: string;
  readonly state: JsonObject;
  /** Training samples that a selection picked, or null for all. */
  readonly indices: Int32Array | null;
  /** Samples of val that the selection's rule picked, or null where it has none. */
  readonly valSlice: Int32Array | null;
  /** The model's weights by key, `0000/kernel`. */
  weights(): Map<string, HostTensor>;
  /** Every tensor of the file, by name. */
  readonly tensors: ReadonlyMap<string, HostTensor>;
  /** The optimizer's metadata, or null where the file holds no optimizer. */
  readonly optimizer: string | null;
}

/**
 * Copies model, optimizer and selection to the host, at once; nothing that runs is changed.
 *
 * @param parts.optimizer Null leaves it out: a restore then needs none either.
 * @param parts.indices Training samples that a selection picked, or null for all.
 * @param parts.valSlice Samples of val that its rule picked; null or absent for none.
 * @param parts.state What else the run needs to go on, as JSON.
 * @throws {OptimizerStateError} for an optimizer whose state cannot be captured.
 */
export function captureCheckpoint(parts: {
  handle: ModelHandle;
  optimizer: tf.Optimizer | null;
  indices: Int32Array | null;
  valSlice?: Int32Array | null;
  state: JsonObject;
}): CheckpointSnapshot {
  const { handle, optimizer, indices, valSlice = null, state } = parts;
  const tensors = captureWeights(handle);
  const metadata: Record<string, string> = {
    format: FORMAT,
    version: VERSION,
    state: JSON.stringify(state),
  };
  if (optimizer !== null) {
    const encoded = encodeOptimizers(optimizer, handle.trainable, trainableKeys(handle));
    metadata.optimizer = encoded.header;
    for (const [name, tensor] of encoded.tensors) tensors.set(name, tensor);
  }
  for (const [name, places] of [[INDICES, indices], [VAL_SLICE, valSlice]] as const) {
    if (places === null) continue;
    tensors.set(name, { dtype: "int32", shape: [places.length], values: places.slice() });
  }
  return { tensors, metadata };
}

/**
 * Gives model and optimizer what {@linkcode captureCheckpoint} took, so that the next step is
 * bit-identical; where a part does not fit, nothing is changed.
 *
 * @param parts.optimizer Null restores the weights alone.
 * @returns The state that was captured.
 * @throws {CheckpointError} that names the first tensor that differs.
 */
export function restoreCheckpoint(
  loaded: LoadedCheckpoint,
  parts: { handle: ModelHandle; optimizer: tf.Optimizer | null },
): JsonObject {
  const { handle, optimizer } = parts;
  try {
    const weights = loaded.weights();
    checkWeights(handle, weights);
    if (optimizer !== null) {
      if (loaded.optimizer === null) throw new Error("it holds no optimizer state");
      const held = { header: loaded.optimizer, tensors: loaded.tensors };
      restoreOptimizers(optimizer, handle.trainable, trainableKeys(handle), held);
    }
    assignWeights(handle, weights);
  } catch (cause) {
    throw new CheckpointError(loaded.path, reasonOf(cause), { cause });
  }
  return loaded.state;
}

function trainableKeys(handle: ModelHandle): string[] {
  return handle.weights.filter((weight) => weight.trainable).map((weight) => weight.key);
}

/**
 * Writes a snapshot as a safetensors file, whole or not at all.
 *
 * @returns Size in bytes and SHA-256 of the file.
 * @throws {CheckpointError} when the disk refuses; no part of the file is left.
 */
export async function saveCheckpoint(
  path: string,
  snapshot: CheckpointSnapshot,
): Promise<WrittenFile> {
  const chunks = encodeCheckpoint(snapshot);
  try {
    return await writeAtomically(path, chunks);
  } catch (cause) {
    throw new CheckpointError(path, `it cannot be written: ${reasonOf(cause)}`, { cause });
  }
}

/** A snapshot as the bytes of a safetensors file, in chunks that share its memory. */
export function encodeCheckpoint({ tensors, metadata }: CheckpointSnapshot): Uint8Array[] {
  const named = [...tensors].map(([name, { dtype, shape, values }]) => ({
    name,
    dtype: DTYPE_IN_FILE[dtype] satisfies SafetensorsDtype,
    shape,
    values,
  }));
  return encodeSafetensors(named, metadata);
}

/**
 * Reads a checkpoint.
 *
 * @param sha256 What its bytes must hash to; null checks only its structure.
 * @throws {CheckpointError} when it is not there, damaged, or of another format.
 */
export async function loadCheckpoint(
  path: string,
  sha256: string | null,
): Promise<LoadedCheckpoint> {
  const bytes = await Deno.readFile(path).catch((cause: unknown) => {
    throw new CheckpointError(path, `it cannot be read: ${reasonOf(cause)}`, { cause });
  });
  if (sha256 !== null) {
    const found = createHash("sha256").update(bytes).digest("hex");
    if (found !== sha256) {
      throw new CheckpointError(path, `its SHA-256 is ${found}, not ${sha256}: it is damaged`);
    }
  }
  try {
    return parseCheckpoint(path, bytes);
  } catch (cause) {
    throw new CheckpointError(path, reasonOf(cause), { cause });
  }
}

function parseCheckpoint(path: string, bytes: Uint8Array<ArrayBuffer>): LoadedCheckpoint {
  const { tensors: inFile, metadata } = decodeSafetensors(bytes);
  if (metadata.format !== FORMAT) throw new Error(`its format is not ${FORMAT}`);
  if (metadata.version !== VERSION) {
    throw new Error(`its version is ${metadata.version}; this release reads ${VERSION}`);
  }
  const tensors = new Map([...inFile].map(([name, tensor]) => [name, hostTensor(name, tensor)]));
  const places = (name: string) => {
    const values = tensors.get(name)?.values;
    return values instanceof Int32Array ? values : null;
  };
  return {
    path,
    tensors,
    state: parseState(metadata.state),
    optimizer: metadata.optimizer ?? null,
    indices: places(INDICES),
    valSlice: places(VAL_SLICE),
    weights: () => new Map([...tensors].filter(([name]) => /^\d+\//.test(name))),
  };
}

function hostTensor(name: string, { dtype, shape, values }: SafetensorsTensor): HostTensor {
  if (dtype === "F32") return { dtype: "float32", shape, values: values as Float32Array };
  if (dtype === "I32") return { dtype: "int32", shape, values: values as Int32Array };
  if (dtype === "BOOL") return { dtype: "bool", shape, values: values as Uint8Array };
  throw new Error(`tensor ${name} is ${dtype}; a checkpoint holds F32, I32 and BOOL`);
}

function parseState(text: string | undefined): JsonObject {
  const state: Json = text === undefined ? null : JSON.parse(text);
  if (typeof state === "object" && state !== null && !Array.isArray(state)) return state;
  throw new Error("it holds no state");
}
