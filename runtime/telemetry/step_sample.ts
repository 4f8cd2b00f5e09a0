import * as tf from "@tensorflow/tfjs";
import { readValues } from "../backends/tensor_view.ts";
import type { LayerWatch } from "../training/layer_outputs.ts";
import type { TensorOrRecord } from "../job_definition.ts";
import type { Metric } from "../metrics/metric.ts";
import { accuracyKind } from "../training/accuracy.ts";

type TopK = Metric<{ hits: number; samples: number }>;

/** What one step is watched for while it is made. Disposing it ends the watch. */
export class StepSample implements Disposable {
  readonly #watch: LayerWatch | null;
  readonly #tops: ReadonlyMap<string, TopK>;
  readonly #hits = new Map<string, { hits: number; samples: number }>();
  #values = 0;
  #zeros = 0;

  /**
   * @param watch The layers whose zeros are counted; null counts none.
   * @param tops Metrics of the predictions, by the name of their figure.
   */
  constructor(watch: LayerWatch | null, tops: ReadonlyMap<string, TopK>) {
    this.#watch = watch;
    this.#tops = tops;
    if (watch !== null) watch.listener = (_, output) => this.#count(readValues(output));
  }

  /** Takes in the predictions of one of the step's batches. */
  see(yTrue: TensorOrRecord, yPred: tf.Tensor, loss: string): void {
    if (this.#tops.size === 0 || !(yTrue instanceof tf.Tensor)) return;
    const kind = accuracyKind(loss, yTrue.shape, yPred.shape);
    if (kind !== "one_hot" && kind !== "sparse") return;
    for (const [name, metric] of this.#tops) {
      const state = this.#hits.get(name) ?? metric.init();
      this.#hits.set(name, metric.update(state, { yTrue, yPred }));
    }
  }

  /** What was seen, by the figures' names. */
  get figures(): Record<string, number | null> {
    const figures: Record<string, number | null> = {};
    if (this.#values > 0) figures["activation_zero_frac"] = this.#zeros / this.#values;
    for (const [name, { hits, samples }] of this.#hits) figures[name] = hits / samples;
    return figures;
  }

  [Symbol.dispose](): void {
    if (this.#watch !== null) this.#watch.listener = null;
  }

  #count(values: ArrayLike<number>): void {
    let zeros = 0;
    for (let at = 0; at < values.length; at++) if (values[at] === 0) zeros++;
    this.#zeros += zeros;
    this.#values += values.length;
  }
}
