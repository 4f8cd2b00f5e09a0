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
 * Tells its listener, while there is one, of each output of some layers; a shared layer is told of
 * each time it is used. The outputs are the model's: read them at once.
 */
export class LayerWatch implements Disposable {
  listener: OnLayerOutput | null = null;
  readonly #calls = new Map<tf.layers.Layer, tf.layers.Layer["call"]>();

  constructor(layers: ReadonlyMap<tf.layers.Layer, WatchedLayer>) {
    for (const [layer, described] of layers) {
      const { call } = layer;
      this.#calls.set(layer, call);
      layer.call = (inputs, kwargs) => {
        const outputs = call.call(layer, inputs, kwargs);
        if (this.listener === null) return outputs;
        for (const output of [outputs].flat()) this.listener(described, output);
        return outputs;
      };
    }
  }

  [Symbol.dispose](): void {
    // Put back, not deleted: an object that lost a property is slow ever after.
    for (const [layer, call] of this.#calls) layer.call = call;
  }
}

/** The layers of a model that compute something, those of nested models too; none without layers. */
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
