import { createHash } from "node:crypto";
import * as tf from "@tensorflow/tfjs";
import { readValues } from "../../backends/tensor_view.ts";
import type { Dataset } from "../../data/dataset.ts";
import type { TensorOrRecord } from "../../job_definition.ts";
import type { Embedder } from "../embedder.ts";

/** Which samples are read, and how many at once. */
export interface InputArguments {
  dataset: Dataset;
  /** In this order; without it the whole dataset. */
  indices: Int32Array | null;
  batchSize: number;
  onBatch?: (done: number, total: number) => Promise<void>;
}

/** 64 bits of the SHA-256 of each sample's inputs: equal for equal bytes. 8 bytes a sample. */
export async function hashInputs(
  { dataset, indices, batchSize, onBatch }: InputArguments,
): Promise<BigUint64Array> {
  const total = indices?.length ?? dataset.length;
  const keys = new BigUint64Array(total);
  for (let first = 0; first < total; first += batchSize) {
    const count = Math.min(batchSize, total - first);
    const wanted = indices?.slice(first, first + count) ??
      Int32Array.from({ length: count }, (_, offset) => first + offset);
    const { xs, ys, weights } = await dataset.batch(wanted);
    const inputs = tensorsOf(xs).map((tensor) => {
      const { buffer, byteOffset, byteLength } = readValues(tensor);
      return new Uint8Array(buffer, byteOffset, byteLength);
    });
    for (let at = 0; at < count; at++) {
      const hash = createHash("sha256");
      for (const bytes of inputs) {
        const stride = bytes.length / count;
        hash.update(bytes.subarray(at * stride, (at + 1) * stride));
      }
      keys[first + at] = hash.digest().readBigUInt64LE();
    }
    tf.dispose([xs, ys, weights ?? []]);
    await onBatch?.(first + count, total);
  }
  return keys;
}

/** Places samples where their inputs are: every number of them, one after the other. */
export const INPUT_SPACE: Embedder = {
  name: "the inputs",
  embed: (xs) =>
    tf.tidy(() => {
      const flat = tensorsOf(xs).map((tensor) =>
        tensor.toFloat().reshape([tensor.shape[0]!, -1]) as tf.Tensor2D
      );
      return flat.length === 1 ? flat[0]! : tf.concat(flat, 1);
    }),
};

function tensorsOf(xs: TensorOrRecord): tf.Tensor[] {
  if (xs instanceof tf.Tensor) return [xs];
  return Object.keys(xs).sort().map((name) => xs[name]!);
}
