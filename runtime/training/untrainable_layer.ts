import * as tf from "@tensorflow/tfjs";

/** The layer that a model cannot be trained for. */
export interface UntrainableLayer {
  /** Its place, class and name: `3, Conv2D "conv2d_Conv2D1"`. */
  place: string;
  error: Error;
  /** Whether already its output cannot be computed. */
  forward: boolean;
}

/** One application of a layer while the model computed. */
interface Application {
  layer: tf.layers.Layer;
  inputs: tf.Tensor[];
  apply(inputs: tf.Tensor[]): tf.Tensor | tf.Tensor[];
}

/**
 * Finds which layer of a model fails: applies the model, then derives each layer by itself, at the
 * inputs that it had there. Null when no layer fails alone.
 *
 * @param apply Applies the model in training mode.
 */
export function untrainableLayer(
  model: tf.LayersModel,
  apply: () => tf.Tensor,
): UntrainableLayer | null {
  const engine = tf.engine();
  engine.startScope("untrainableLayer");
  try {
    return find(model, apply);
  } finally {
    engine.endScope();
  }
}

function find(model: tf.LayersModel, apply: () => tf.Tensor): UntrainableLayer | null {
  const layers = leavesOf(model);
  const place = (layer: tf.layers.Layer) =>
    `${layers.indexOf(layer) + 1}, ${layer.getClassName()} "${layer.name}"`;
  const { applications, failed } = record(layers, apply);
  try {
    if (failed !== null) return { place: place(failed.layer), error: failed.error, forward: true };
    let derivedBefore = false;
    for (const application of applications) {
      const error = errorOfGradient(application, derivedBefore);
      if (error !== null) return { place: place(application.layer), error, forward: false };
      derivedBefore ||= application.layer.trainableWeights.length > 0;
    }
    return null;
  } finally {
    tf.dispose(applications.map(({ inputs }) => inputs));
  }
}

/** Every layer, those of models within the model in their place. */
function leavesOf(model: tf.LayersModel): tf.layers.Layer[] {
  return model.layers.flatMap((layer) => layer instanceof tf.LayersModel ? leavesOf(layer) : layer);
}

/** Has each layer note what it is applied to while `work` runs. */
function record(layers: tf.layers.Layer[], work: () => unknown) {
  const applications: Application[] = [];
  const faults: { layer: tf.layers.Layer; error: Error }[] = [];
  for (const layer of layers) {
    const original = layer.apply;
    layer.apply = (inputs, kwargs) => {
      const apply = (given: tf.Tensor[]) =>
        original.call(layer, Array.isArray(inputs) ? given : given[0]!, kwargs) as tf.Tensor;
      // Clones, since a model disposes what passes between its layers.
      const given = ([inputs].flat() as tf.Tensor[]).map((tensor) => tf.keep(tensor.clone()));
      applications.push({ layer, inputs: given, apply });
      try {
        return original.call(layer, inputs, kwargs);
      } catch (error) {
        faults.push({ layer, error: error as Error });
        throw error;
      }
    };
  }
  try {
    work();
  } catch {
    // It is among the faults; where it is not, no layer is to blame.
  } finally {
    for (const layer of layers) delete (layer as Partial<tf.layers.Layer>).apply;
  }
  return { applications, failed: faults[0] ?? null };
}

/** Derives one layer by its weights and, where that leads on to a weight, by its inputs. */
function errorOfGradient(
  { layer, inputs, apply }: Application,
  byInputs: boolean,
): Error | null {
  const derived = inputs.map((input) =>
    byInputs && input.dtype === "float32" ? tf.variable(input, true) : input
  );
  const weights = layer.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const variables = [...derived.filter((input) => input instanceof tf.Variable), ...weights];
  if (variables.length === 0) return null;
  try {
    tf.variableGrads(() => {
      const outputs = [apply(derived)].flat().map((output) => tf.sum(tf.cast(output, "float32")));
      return tf.addN(outputs) as tf.Scalar;
    }, variables);
    return null;
  } catch (error) {
    return error as Error;
  } finally {
    for (const input of derived) if (input instanceof tf.Variable) input.dispose();
  }
}
