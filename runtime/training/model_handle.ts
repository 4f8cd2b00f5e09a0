import * as tf from "@tensorflow/tfjs";
import type { Model, TensorOrRecord } from "../job_definition.ts";
import { LayerChain } from "./layer_chain.ts";

/** One weight of a model: its place, a readable name, and the variable that holds it. */
export interface Weight {
  /** Positional key, `0003/kernel`: the same in every process, unlike layer names. */
  key: string;
  variable: tf.Variable;
  trainable: boolean;
}

/** A model as the session sees it, whatever kind it is. */
export interface ModelHandle {
  readonly model: Model;
  /** Every weight, in an order that the architecture alone decides. */
  readonly weights: readonly Weight[];
  /** The variables that the optimizer moves, in the order of `weights`. */
  readonly trainable: tf.Variable[];
  /** Predictions for a batch, shape [batch, ...]. */
  apply(xs: TensorOrRecord, training: boolean): tf.Tensor;
  dispose(): void;
}

/** @throws {TypeError} when the factory's product is no model, with what it lacks. */
export function modelHandle(model: Model): ModelHandle {
  if (model instanceof tf.LayersModel) return layersModelHandle(model);
  if (typeof model?.apply !== "function" || !Array.isArray(model.weights)) {
    throw new TypeError(
      "model() must return a tf.LayersModel, or an object with apply(xs, { training }) and weights",
    );
  }
  const weights = model.weights.map((variable, position) => {
    if (variable instanceof tf.Variable) return weightAt(position, variable);
    throw new TypeError(`weights[${position}] of model() is no tf.variable()`);
  });
  return {
    model,
    weights,
    trainable: trainableOf(weights),
    apply: (xs, training) => {
      const predicted: unknown = model.apply(xs, { training });
      if (predicted instanceof tf.Tensor) return predicted;
      throw new TypeError("apply() of model() must return a tensor, and not later");
    },
    dispose: () => tf.dispose([...model.weights]),
  };
}

function layersModelHandle(model: tf.LayersModel): ModelHandle {
  // A frozen layer says so itself; what its weights say is only what they were made with.
  const trainable = new Set(model.trainableWeights);
  const weights = model.weights.map((weight, position) => {
    // `val` is the tf.Variable behind a LayerVariable; tfjs marks it protected.
    const { val } = weight as unknown as { val: tf.Variable };
    return weightAt(position, val, weight.originalName, trainable.has(weight));
  });
  const chain = LayerChain.fits(model) ? new LayerChain(model) : null;
  return {
    model,
    weights,
    trainable: trainableOf(weights),
    apply: (xs, training) =>
      // In evaluation the model frees what it no longer needs on the way.
      chain !== null && training && xs instanceof tf.Tensor
        ? chain.apply(xs)
        : predictions(model, xs, training),
    dispose: () => void model.dispose(),
  };
}

/** What a `tf.LayersModel` predicts, every layer applied and checked by TensorFlow.js itself. */
export function predictions(
  model: tf.LayersModel,
  xs: TensorOrRecord,
  training: boolean,
): tf.Tensor {
  const inputs = xs instanceof tf.Tensor ? xs : model.inputNames.map((name) => {
    const input = xs[name];
    if (input === undefined) {
      throw new Error(`the batch has no input "${name}"; it has ${Object.keys(xs).join(", ")}`);
    }
    return input;
  });
  const outputs = model.apply(inputs, { training }) as tf.Tensor | tf.Tensor[];
  if (!Array.isArray(outputs)) return outputs;
  throw new Error(
    `the model has ${outputs.length} outputs; a loss takes one. Combine them, or wrap the model in an apply-able one`,
  );
}

function weightAt(
  position: number,
  variable: tf.Variable,
  name = variable.name,
  trainable = variable.trainable,
): Weight {
  // A variable without a name of its own gets a number that counts the process's variables.
  const last = name.split("/").at(-1)!.replace(/_\d+$/, "").replace(/^\d+$/, "weight");
  return { key: `${String(position).padStart(4, "0")}/${last}`, variable, trainable };
}

function trainableOf(weights: readonly Weight[]): tf.Variable[] {
  return weights.filter((weight) => weight.trainable).map((weight) => weight.variable);
}
