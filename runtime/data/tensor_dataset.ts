import * as tf from "@tensorflow/tfjs";
import { readValues } from "../backends/tensor_view.ts";
import type { TensorOrRecord } from "../job_definition.ts";
import type { Dataset } from "./dataset.ts";
import { type HostColumn, type HostColumns, HostDataset } from "./host_dataset.ts";

/** Options of {@linkcode tensorDataset}. */
export interface TensorDatasetOptions {
  /** Names of the classes, by class index. */
  classNames?: readonly string[];
  /** What each sample counts for in the loss, [samples], at least 0; taken over as well. */
  weights?: tf.Tensor1D;
}

/**
 * A dataset of tensors whose first axis is the sample, kept in order.
 *
 * Takes the tensors over: their values move to host memory and they are disposed, so that data
 * does not stay in the backend's memory twice. Give `clone()`s of tensors that are needed again.
 *
 * @param xs Inputs, [samples, ...] each; a record where the model has several.
 * @param ys Targets, [samples, ...] each.
 * @throws {RangeError} unless all have the same number of samples.
 * @throws {TypeError} for string or complex tensors, scalars and tensors that are disposed.
 */
export function tensorDataset(
  xs: TensorOrRecord,
  ys: TensorOrRecord,
  options: TensorDatasetOptions = {},
): Dataset {
  const dataset = new HostDataset(
    toHost("xs", xs),
    toHost("ys", ys),
    options.classNames,
    weightsOf(options),
  );
  tf.dispose([xs, ys, options.weights ?? []]);
  return dataset;
}

function weightsOf({ weights }: TensorDatasetOptions): HostColumn | undefined {
  if (weights === undefined) return undefined;
  const column = columnOf("weights", weights);
  if (column.shape.length !== 1) {
    throw new TypeError(`weights have shape [${column.shape}]; expected one a sample`);
  }
  const wrong = column.values.find((weight) => !(weight >= 0 && weight < Infinity));
  if (wrong !== undefined) throw new TypeError(`weights hold ${wrong}; expected at least 0`);
  return { ...column, values: Float32Array.from(column.values), dtype: "float32" };
}

function toHost(name: string, tensors: TensorOrRecord): HostColumns {
  if (tensors instanceof tf.Tensor) return columnOf(name, tensors);
  return Object.fromEntries(
    Object.entries(tensors).map(([key, tensor]) => [key, columnOf(`${name}.${key}`, tensor)]),
  );
}

function columnOf(name: string, tensor: tf.Tensor): HostColumn {
  if (!(tensor instanceof tf.Tensor)) throw new TypeError(`${name} is not a tensor`);
  if (tensor.isDisposed) {
    throw new TypeError(`${name} is disposed; tensorDataset takes tensors over, so clone() first`);
  }
  if (tensor.rank === 0) throw new TypeError(`${name} is a scalar; its first axis must be samples`);
  const { shape, dtype } = tensor;
  if (dtype !== "float32" && dtype !== "int32" && dtype !== "bool") {
    throw new TypeError(`${name} is a ${dtype} tensor; a dataset takes float32, int32 and bool`);
  }
  return { values: readValues(tensor).slice(), shape, dtype };
}
