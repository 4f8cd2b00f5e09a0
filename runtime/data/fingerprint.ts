import * as tf from "@tensorflow/tfjs";
import { readValues } from "../backends/tensor_view.ts";
import type { TensorOrRecord } from "../job_definition.ts";
import { CheckedDataset } from "./checked_dataset.ts";
import type { Dataset } from "./dataset.ts";
import { SubsetView } from "./subset.ts";

/** Rows of a split whose content goes into the hash, spread over it, its first and last among them. */
const ROWS_SAMPLED = 64;

/**
 * SHA-256, in hex, of what the splits are: their lengths, which original samples each holds, and
 * the content of some rows. Equal for the same data and membership in every process.
 *
 * A `batch()` that draws from `Math.random` needs it seeded for that.
 *
 * @param val Null where the job has none, as `test` and `gate`.
 */
export async function datasetHash(
  train: Dataset,
  val: Dataset | null | undefined,
  test: Dataset | null | undefined,
  gate?: Dataset | null,
): Promise<string> {
  const parts: Uint8Array[] = [];
  for (const [name, dataset] of Object.entries({ train, val, test, gate })) {
    if (!dataset) continue;
    parts.push(text(`${name} ${dataset.length};`));
    const members = membersOf(dataset);
    if (members !== null) parts.push(text("of;"), bytesOf(members));
    const batch = await dataset.batch(spread(dataset.length));
    parts.push(...contentOf("xs", batch.xs), ...contentOf("ys", batch.ys));
    tf.dispose([batch.xs, batch.ys, batch.weights ?? []]);
  }
  const hash = await crypto.subtle.digest("SHA-256", concat(parts));
  return new Uint8Array(hash).toHex();
}

/** Which samples of a larger dataset these are; null where it is no view. */
export function membersOf(dataset: Dataset): Int32Array | null {
  if (dataset instanceof CheckedDataset) return membersOf(dataset.base);
  return dataset instanceof SubsetView ? dataset.indices : null;
}

function spread(length: number): Int32Array {
  const count = Math.min(length, ROWS_SAMPLED);
  const stride = count > 1 ? (length - 1) / (count - 1) : 0;
  return Int32Array.from({ length: count }, (_, at) => Math.round(at * stride));
}

function contentOf(name: string, tensors: TensorOrRecord): Uint8Array[] {
  if (!(tensors instanceof tf.Tensor)) {
    return Object.entries(tensors).flatMap(([key, tensor]) => contentOf(`${name}.${key}`, tensor));
  }
  const header = text(`${name} ${tensors.dtype} [${tensors.shape}];`);
  return [header, bytesOf(readValues(tensors)).slice()];
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
