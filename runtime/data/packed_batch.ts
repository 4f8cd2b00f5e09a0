import * as tf from "@tensorflow/tfjs";
import { readValues } from "../backends/tensor_view.ts";
import type { Batch } from "./dataset.ts";

/** A tensor as it goes from one thread to another. */
interface PackedTensor {
  values: Float32Array | Int32Array | Uint8Array;
  shape: number[];
  dtype: "float32" | "int32" | "bool";
}

/** A batch as it goes from one thread to another: its buffers change hands, nothing is copied. */
export interface PackedBatch {
  xs: PackedTensor | Record<string, PackedTensor>;
  ys: PackedTensor | Record<string, PackedTensor>;
  weights?: PackedTensor;
}

/**
 * Copies a batch out of its backend and disposes it; null where it is no batch of numeric tensors,
 * whatever is wrong with it.
 */
export function packBatch(batch: Batch): PackedBatch | null {
  try {
    const { xs, ys, weights } = batch;
    return {
      xs: packAll(xs),
      ys: packAll(ys),
      ...(weights === undefined ? {} : { weights: packTensor(weights) }),
    };
  } catch {
    // The dataset broke a promise. Who asked makes the batch again, and says which.
    return null;
  } finally {
    disposeAll(batch);
  }
}

/** The buffers to hand over with a batch. */
export function buffersOf({ xs, ys, weights }: PackedBatch): ArrayBuffer[] {
  const tensors = [xs, ys].flatMap((part) => isTensor(part) ? [part] : Object.values(part));
  return [...tensors, ...weights === undefined ? [] : [weights]]
    .map(({ values }) => values.buffer as ArrayBuffer);
}

/** Tensors of this thread's backend. */
export function unpackBatch({ xs, ys, weights }: PackedBatch): Batch {
  return {
    xs: unpackAll(xs),
    ys: unpackAll(ys),
    ...(weights === undefined ? {} : { weights: unpackTensor(weights) as tf.Tensor1D }),
  };
}

function packAll(part: Batch["xs"]): PackedBatch["xs"] {
  if (part instanceof tf.Tensor) return packTensor(part);
  return Object.fromEntries(
    Object.entries(part).map(([name, tensor]) => [name, packTensor(tensor)]),
  );
}

function packTensor(tensor: tf.Tensor): PackedTensor {
  const { shape, dtype } = tensor;
  if (!(tensor instanceof tf.Tensor)) throw new TypeError("no tensor");
  if (dtype !== "float32" && dtype !== "int32" && dtype !== "bool") throw new TypeError(dtype);
  return { values: readValues(tensor).slice(), shape: [...shape], dtype };
}

function unpackAll(part: PackedBatch["xs"]): Batch["xs"] {
  if (isTensor(part)) return unpackTensor(part);
  return Object.fromEntries(
    Object.entries(part).map(([name, tensor]) => [name, unpackTensor(tensor)]),
  );
}

function unpackTensor({ values, shape, dtype }: PackedTensor): tf.Tensor {
  return tf.tensor(values, shape, dtype);
}

function isTensor(part: PackedBatch["xs"]): part is PackedTensor {
  return ArrayBuffer.isView(part["values"]);
}

function disposeAll(batch: Batch): void {
  for (const part of [batch?.xs, batch?.ys, batch?.weights]) {
    const tensors = part instanceof tf.Tensor ? [part] : Object.values(part ?? {});
    for (const tensor of tensors) if (tensor instanceof tf.Tensor) tensor.dispose();
  }
}
