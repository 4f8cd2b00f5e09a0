import * as tf from "@tensorflow/tfjs";
import type { Embedding, TensorOrRecord } from "../job_definition.ts";
import type { ModelHandle } from "../training/model_handle.ts";

/** An embedding that a model cannot give. */
export class EmbeddingError extends Error {
  override name = "EmbeddingError";
}

/** What places a model's samples in a space where alike ones lie near each other. */
export interface Embedder {
  /** Whose outputs they are, for people. */
  name: string;
  /** [batch, ...] to [batch, width], in inference mode. */
  embed(xs: TensorOrRecord): tf.Tensor2D;
}

/**
 * The embedding of a model: the layer named, or what the module says, or the layer before the last.
 * Places and time steps of a layer's output are averaged, so that what is left are its features.
 *
 * @throws {EmbeddingError} for a layer that the model has not, and for a model without any.
 */
export function embedderOf(
  { model }: ModelHandle,
  own: Embedding | null,
  layer: string | undefined,
): Embedder {
  if (layer === undefined && own !== null) {
    return { name: "the module's embedding", embed: (xs) => features(own(xs, model)) };
  }
  if (!(model instanceof tf.LayersModel)) {
    throw new EmbeddingError(
      "embedding: the model has no layers; give the module an embedding: (xs, model) => tensor",
    );
  }
  const { layers } = model;
  const named = layers.find(({ name }) => name === layer);
  if (layer !== undefined && named === undefined) {
    const known = layers.map(({ name }) => name).join(", ");
    throw new EmbeddingError(`layer: the model has no ${layer}; it has ${known}`);
  }
  const chosen = named ?? layers.at(-2);
  // A single layer has nothing before it but what it is given.
  if (chosen === undefined) {
    return { name: "the inputs", embed: (xs) => features(Object.values(tensorsOf(xs))[0]!) };
  }
  const output = Array.isArray(chosen.output) ? chosen.output[0]! : chosen.output;
  const upTo = tf.model({ inputs: model.inputs, outputs: output });
  return {
    name: chosen.name,
    embed: (xs) => {
      const given = tensorsOf(xs);
      const inputs = xs instanceof tf.Tensor ? xs : model.inputNames.map((name) => given[name]!);
      return features(upTo.apply(inputs, { training: false }) as tf.Tensor);
    },
  };
}

function tensorsOf(xs: TensorOrRecord): Record<string, tf.Tensor> {
  return xs instanceof tf.Tensor ? { xs } : xs;
}

/** [batch, ..., width] to [batch, width]. */
function features(output: tf.Tensor): tf.Tensor2D {
  const { shape, rank } = output;
  if (rank === 1) return tf.reshape(output, [shape[0]!, 1]);
  const middle = Array.from({ length: Math.max(0, rank - 2) }, (_, axis) => axis + 1);
  return middle.length === 0 ? output as tf.Tensor2D : tf.mean(output, middle);
}
