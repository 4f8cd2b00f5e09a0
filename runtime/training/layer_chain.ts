import * as tf from "@tensorflow/tfjs";

/**
 * The layers of a sequential model one after another, as `model.apply(xs, { training: true })` runs
 * them, to the bit. `Layer.apply` checks names, shapes and masks anew for every batch, which is a
 * fifth of a small model's step; here the model itself checks the first batch of each shape.
 */
export class LayerChain {
  readonly #model: tf.Sequential;
  /** Axes but the first of the batch that the model has checked. */
  #checked: number[] | null = null;

  constructor(model: tf.Sequential) {
    this.#model = model;
  }

  /** Whether a model's layers can be run so: one tensor in, one out, no masks between them. */
  static fits(model: tf.LayersModel): model is tf.Sequential {
    if (!(model instanceof tf.Sequential)) return false;
    return model.layers.every((layer) =>
      !(layer instanceof tf.LayersModel) && layer.getClassName() !== "Masking" &&
      (layer as { maskZero?: unknown }).maskZero !== true
    );
  }

  /** Predictions in training mode. @param xs [batch, ...] */
  apply(xs: tf.Tensor): tf.Tensor {
    const axes = xs.shape.slice(1);
    if (this.#checked === null || !tf.util.arraysEqual(axes, this.#checked)) {
      const output = this.#model.apply(xs, { training: true }) as tf.Tensor;
      this.#checked = axes;
      return output;
    }
    let output = xs;
    for (const layer of this.#model.layers) {
      const made = layer.call(output, { training: true });
      output = Array.isArray(made) ? made[0]! : made;
    }
    return output === xs ? tf.clone(xs) : output;
  }
}
