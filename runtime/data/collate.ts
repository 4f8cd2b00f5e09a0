import * as tf from "@tensorflow/tfjs";
import { readValues } from "../backends/tensor_view.ts";
import type { Batch } from "./dataset.ts";
import { DatasetError } from "./dataset_error.ts";
import type { Sample, SampleTensor, SampleValues } from "./sample.ts";

type Values = Required<SampleValues>;

/**
 * Stacks samples into a batch: tensors [samples, ...] each.
 *
 * @param indices Which sample each is, for messages.
 * @throws {DatasetError} that names the sample whose shape, dtype or names differ from the first's.
 */
export function collate(samples: readonly Sample[], indices: Int32Array): Batch {
  samples.forEach((sample, at) => {
    if (sample === null || typeof sample !== "object" || !("xs" in sample && "ys" in sample)) {
      throw new DatasetError(`sample(${indices[at]}) must answer { xs, ys }`);
    }
  });
  return {
    xs: stackAll("xs", samples.map(({ xs }) => xs), indices),
    ys: stackAll("ys", samples.map(({ ys }) => ys), indices),
    ...weightsOf(samples, indices),
  };
}

/** Disposes the tensors that samples hold. */
export function disposeSamples(samples: readonly Sample[]): void {
  for (const sample of samples) {
    for (const part of [sample?.xs, sample?.ys]) {
      if (part instanceof tf.Tensor) part.dispose();
      else if (isRecord(part)) {
        for (const value of Object.values(part)) if (value instanceof tf.Tensor) value.dispose();
      }
    }
  }
}

function stackAll(
  name: string,
  parts: readonly Sample["xs"][],
  indices: Int32Array,
): Batch["xs"] {
  const first = parts[0]!;
  if (!isRecord(first)) return stack(name, parts as readonly SampleTensor[], indices);
  return Object.fromEntries(
    Object.keys(first).map((key) => {
      const column = parts.map((part, at) => {
        const value = isRecord(part) ? part[key] : undefined;
        if (value !== undefined) return value;
        throw new DatasetError(`sample(${indices[at]}).${name} has no ${key}, unlike the first`);
      });
      return [key, stack(`${name}.${key}`, column, indices)];
    }),
  );
}

function stack(name: string, column: readonly SampleTensor[], indices: Int32Array): tf.Tensor {
  const first = valuesOf(`sample(${indices[0]}).${name}`, column[0]!);
  const width = first.values.length;
  const whole = new (first.values.constructor as Float32ArrayConstructor)(column.length * width);
  column.forEach((tensor, at) => {
    const place = `sample(${indices[at]}).${name}`;
    const { values, shape, dtype } = at === 0 ? first : valuesOf(place, tensor);
    if (dtype !== first.dtype || String(shape) !== String(first.shape)) {
      throw new DatasetError(
        `${place} is ${dtype} [${shape}], sample(${indices[0]}).${name} is ` +
          `${first.dtype} [${first.shape}]`,
      );
    }
    whole.set(values as Float32Array, at * width);
  });
  return tf.tensor(whole, [column.length, ...first.shape], first.dtype);
}

function valuesOf(place: string, tensor: SampleTensor): Values {
  if (typeof tensor === "number") {
    return { values: Float32Array.of(tensor), shape: [], dtype: "float32" };
  }
  if (tensor instanceof tf.Tensor) {
    const { shape, dtype } = tensor;
    if (dtype !== "float32" && dtype !== "int32" && dtype !== "bool") {
      throw new DatasetError(`${place} is a ${dtype} tensor; a sample takes float32, int32, bool`);
    }
    return { values: readValues(tensor), shape, dtype };
  }
  if (isValues(tensor)) {
    const { values, shape } = tensor;
    const size = shape.reduce((product, axis) => product * axis, 1);
    if (values.length !== size) {
      throw new DatasetError(`${place} has ${values.length} values for shape [${shape}]`);
    }
    return { values, shape, dtype: tensor.dtype ?? dtypeOf(values) };
  }
  if (Array.isArray(tensor)) {
    const values = Float32Array.from(tensor as number[]);
    return { values, shape: [values.length], dtype: "float32" };
  }
  if (
    tensor instanceof Float32Array || tensor instanceof Int32Array || tensor instanceof Uint8Array
  ) return { values: tensor, shape: [tensor.length], dtype: dtypeOf(tensor) };
  throw new DatasetError(`${place} is no number, list, typed array, { values, shape } or tensor`);
}

function dtypeOf(values: ArrayLike<number>): "float32" | "int32" {
  return values instanceof Float32Array ? "float32" : "int32";
}

function isValues(part: unknown): part is SampleValues {
  return part !== null && typeof part === "object" && "values" in part && "shape" in part &&
    ArrayBuffer.isView(part.values) && Array.isArray(part.shape);
}

function isRecord(part: unknown): part is Record<string, SampleTensor> {
  return part !== null && typeof part === "object" && !Array.isArray(part) &&
    !ArrayBuffer.isView(part) && !(part instanceof tf.Tensor) && !isValues(part);
}

function weightsOf(
  samples: readonly Sample[],
  indices: Int32Array,
): { weights?: tf.Tensor1D } {
  const given = samples.filter(({ weight }) => weight !== undefined).length;
  if (given === 0) return {};
  const odd = samples.findIndex(({ weight }) => typeof weight !== "number");
  if (odd === -1) return { weights: tf.tensor1d(samples.map(({ weight }) => weight!), "float32") };
  throw new DatasetError(`sample(${indices[odd]}) has no weight, unlike others of its batch`);
}
