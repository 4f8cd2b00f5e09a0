import * as tf from "@tensorflow/tfjs";
import type { ModelHandle } from "../training/model_handle.ts";

/** A weight under the name that its author knows: `dense_1/kernel`, or its key. */
export interface NamedWeight {
  layer: string;
  variable: tf.Variable;
  trainable: boolean;
}

/** The weights of a model in its own order, by layer and name where it has layers. */
export function namedWeights({ model, weights }: ModelHandle): NamedWeight[] {
  const names = model instanceof tf.LayersModel
    ? model.weights.map(({ originalName }) => originalName)
    : [];
  return weights.map(({ key, variable, trainable }, position) => ({
    layer: names[position] ?? key,
    variable,
    trainable,
  }));
}
