import * as tf from "@tensorflow/tfjs";
import type { ByteSource } from "../data/byte_source.ts";
import { readAll } from "../data/file_column.ts";
import { safetensorsColumns } from "../data/safetensors.ts";
import type { Model } from "../job_definition.ts";
import { modelHandle } from "../training/model_handle.ts";
import { kindOf } from "./host_tensor.ts";
import { WeightMismatchError } from "./weights.ts";

/** One weight of a model, as {@linkcode LoadWeightsOptions} are asked about it. */
export interface WeightPlace {
  /** Its place in the model, from 0. */
  position: number;
  /** `0003/kernel`, as checkpoints name it. */
  key: string;
  shape: readonly number[];
}

/** How a file from elsewhere names and lays out weights. */
export interface LoadWeightsOptions {
  /** Name of the file's tensor for a weight; its key when absent, as in our own checkpoints. */
  name?: (weight: WeightPlace) => string;
  /** Brings the file's tensor to the shape of the weight, such as a transposition. */
  convert?: (tensor: tf.Tensor, weight: WeightPlace) => tf.Tensor;
}

/**
 * Gives a model the weights of a safetensors file: a checkpoint of any job, or a file from
 * elsewhere. All of them or, where one does not fit, none; what else is in the file is passed over.
 *
 * @param file Bytes, or what `ctx.open(name)` answers.
 * @returns The model.
 * @throws {SafetensorsError} that names the file and what is wrong with it.
 * @throws {WeightMismatchError} that names the first weight that is missing or differs.
 *
 * @example
 * ```ts ignore
 * model: async (ctx) => await loadWeights(network(), await ctx.file("parent.safetensors")),
 * ```
 */
export async function loadWeights<M extends Model>(
  model: M,
  file: Uint8Array | ByteSource,
  { name = ({ key }) => key, convert = (tensor) => tensor }: LoadWeightsOptions = {},
): Promise<M> {
  const { source, columns } = await safetensorsColumns(file);
  const found: { variable: tf.Variable; tensor: tf.Tensor }[] = [];
  try {
    for (const [position, { key, variable }] of modelHandle(model).weights.entries()) {
      const place = { position, key, shape: variable.shape };
      const called = name(place);
      const column = columns.get(called);
      if (column === undefined) {
        const there = [...columns.keys()].slice(0, 5).join(", ");
        throw new WeightMismatchError(
          key,
          `${source.name} has no tensor ${called} for weight ${key}; it has ${there}${
            columns.size > 5 ? ", ..." : ""
          }`,
        );
      }
      const { values, shape, dtype } = await readAll(column);
      const tensor = tf.tidy(() => convert(tf.tensor(values, [...shape], dtype), place));
      found.push({ variable, tensor });
      if (kindOf(tensor) === kindOf(variable)) continue;
      throw new WeightMismatchError(
        key,
        `${source.name}: ${called} is ${kindOf(tensor)}; weight ${key} is ${kindOf(variable)}`,
      );
    }
    for (const { variable, tensor } of found) variable.assign(tensor);
  } finally {
    tf.dispose(found.map(({ tensor }) => tensor));
  }
  return model;
}
