import * as tf from "@tensorflow/tfjs";
import type { Model } from "../job_definition.ts";

/** A layer of a model, as a check speaks of it. */
export interface WatchedLayer {
  name: string;
  /** Class of the layer: `Dense`. */
  kind: string;
  /** Its activation, `relu`; null where it has none of its own. */
  activation: string | null;
  /** Nothing comes after it. */
  last: boolean;
}

/** Told of each output of each layer, in the order in which they are computed. */
export type OnLayerOutput = (layer: WatchedLayer, output: tf.Tensor) => void;

/** Layers that pass on what another one made, or make zeros on purpose. */
const PASSING = new Set(["InputLayer", "Flatten", "Reshape", "Dropout", "Permute", "Masking"]);

/**
 * Runs `work` and tells of each layer's outputs meanwhile; a shared layer is told of each time it
 * is used. The outputs are the model's: read them at once. A model without layers tells nothing.
 */
export function watchLayers<T>(model: Model, onOutput: OnLayerOutput, work: () => T): T {
  const watched = layersOf(model);
  try {
    for (const [layer, described] of watched) {
      // An own property goes before the class's method, and is gone again when it is deleted.
      const call = layer.call.bind(layer);
      layer.call = (inputs, kwargs) => {
        const outputs = call(inputs, kwargs);
        for (const output of [outputs].flat()) onOutput(described, output);
        return outputs;
      };
    }
    return work();
  } finally {
    for (const layer of watched.keys()) delete (layer as { call?: unknown }).call;
  }
}

/** The layers of a model that compute something, those of nested models among them. */
export function layersOf(model: Model): Map<tf.layers.Layer, WatchedLayer> {
  const layers = new Map<tf.layers.Layer, WatchedLayer>();
  if (!(model instanceof tf.LayersModel)) return layers;
  const add = (nested: tf.LayersModel, path: string) => {
    for (const layer of nested.layers) {
      const name = path + layer.name;
      if (layer instanceof tf.LayersModel) add(layer, `${name}/`);
      else if (!PASSING.has(layer.getClassName())) {
        const kind = layer.getClassName();
        layers.set(layer, { name, kind, activation: activationOf(layer, kind), last: false });
      }
    }
  };
  add(model, "");
  const last = [...layers.values()].at(-1);
  if (last !== undefined) last.last = true;
  return layers;
}

function activationOf(layer: tf.layers.Layer, kind: string): string | null {
  if (kind === "ReLU" || kind === "ThresholdedReLU") return "relu";
  const { activation } = layer.getConfig();
  return typeof activation === "string" && activation !== "linear" ? activation : null;
}
