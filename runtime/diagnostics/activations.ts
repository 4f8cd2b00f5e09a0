import * as tf from "@tensorflow/tfjs";
import { readValues } from "../backends/tensor_view.ts";
import type { FedBatch } from "../data/batch_feed.ts";
import type { HealthFinding, HealthReport } from "../protocol/health.ts";
import type { ModelHandle } from "../training/model_handle.ts";
import { healthReport, judged } from "./health_report.ts";
import { layersOf, LayerWatch, type WatchedLayer } from "../training/layer_outputs.ts";

/** Thresholds, with their sources in docs/health.md. */
export const ACTIVATION_LIMITS = {
  /** Share of units that are zero for every sample. */
  deadUnits: { warn: 0.1, fail: 0.4 },
  /** Share of zeros in a layer's outputs. */
  zeroFraction: { warn: 0.9 },
  /** Share of a bounded activation's outputs that are near its bounds. */
  saturated: { warn: 0.5, fail: 0.9 },
} as const;

/** Outputs of these activations near these bounds have next to no gradient. */
const BOUNDS: Readonly<Record<string, readonly [number, number]>> = {
  tanh: [-0.97, 0.97],
  sigmoid: [0.015, 0.985],
  hard_sigmoid: [0.015, 0.985],
  softsign: [-0.97, 0.97],
};
const RECTIFIERS = new Set(["relu", "relu6"]);

/** Counts over the outputs of one layer. Units are its last axis: features, or channels. */
class LayerTally {
  readonly #alive: Uint8Array;
  #values = 0;
  #zeros = 0;
  #saturated = 0;
  #nonFinite = 0;
  #sum = 0;
  #squares = 0;

  constructor(readonly layer: WatchedLayer, units: number) {
    this.#alive = new Uint8Array(units);
  }

  add(values: ArrayLike<number>): void {
    const [low, high] = BOUNDS[this.layer.activation ?? ""] ?? [-Infinity, Infinity];
    const units = this.#alive.length;
    for (let at = 0; at < values.length; at++) {
      const value = values[at]!;
      if (value === 0) this.#zeros++;
      else this.#alive[at % units] = 1;
      if (value < low || value > high) this.#saturated++;
      if (!Number.isFinite(value)) this.#nonFinite++;
      this.#sum += value;
      this.#squares += value * value;
    }
    this.#values += values.length;
  }

  figures() {
    const mean = this.#sum / this.#values;
    const units = this.#alive.length;
    return {
      layer: this.layer.name,
      activation: this.layer.activation ?? "none",
      units,
      mean,
      std: Math.sqrt(Math.max(0, this.#squares / this.#values - mean * mean)),
      zero_fraction: this.#zeros / this.#values,
      dead_units: 1 - this.#alive.reduce((sum, unit) => sum + unit, 0) / units,
      saturated: this.#saturated / this.#values,
      non_finite: this.#nonFinite,
    };
  }

  get rectifies(): boolean {
    return RECTIFIERS.has(this.layer.activation ?? "");
  }
}

/**
 * Outputs of each layer over some batches, in inference mode: zeros, dead units, saturation. The
 * weights are left as they are. A model without layers is judged by its predictions alone.
 */
export async function activations(
  handle: ModelHandle,
  batches: AsyncIterable<FedBatch>,
): Promise<HealthReport> {
  const tallies = new Map<string, LayerTally>();
  const watched = layersOf(handle.model);
  let samples = 0;
  const tell = (layer: WatchedLayer, output: tf.Tensor) => {
    let tally = tallies.get(layer.name);
    if (tally === undefined) {
      tallies.set(layer.name, tally = new LayerTally(layer, output.shape.at(-1) ?? 1));
    }
    tally.add(readValues(output));
  };
  for await (const { batch: { xs } } of batches) {
    tf.tidy(() => {
      using watch = new LayerWatch(watched);
      watch.listener = tell;
      const predictions = handle.apply(xs, false);
      samples += predictions.shape[0] ?? 1;
      if (watched.size === 0) tell(PREDICTIONS, predictions);
    });
  }
  const layers = [...tallies.values()].map((tally) => ({ tally, figures: tally.figures() }));
  const rectified = layers.filter(({ tally }) => tally.rectifies).map(({ figures }) => figures);
  return healthReport(
    "activations",
    layers.flatMap(({ tally, figures }) => judgedLayer(tally, figures)),
    {
      samples,
      zero_fraction: weighted(rectified, "zero_fraction"),
      dead_units: weighted(rectified, "dead_units"),
    },
    layers.map(({ figures }) => figures),
  );
}

const PREDICTIONS: WatchedLayer = {
  name: "predictions",
  kind: "predictions",
  activation: null,
  last: true,
};

function judgedLayer(
  { layer: { last, name: layer }, rectifies }: LayerTally,
  figures: ReturnType<LayerTally["figures"]>,
): HealthFinding[] {
  const { deadUnits, zeroFraction, saturated } = ACTIVATION_LIMITS;
  if (figures.non_finite > 0) {
    const advice = "outputs are NaN or infinite: ask for the numerics check, which names the cause";
    const value = figures.non_finite;
    return judged({ figure: "non_finite", layer, value, warn: 0, fail: 0, advice });
  }
  if (figures.std === 0 && figures.units > 1) {
    const advice = "the layer answers the same for every sample: nothing behind it can learn; " +
      "lower lr and rewind, or use another initializer";
    return judged({
      figure: "std",
      layer,
      value: 0,
      warn: 1e-30,
      fail: 1e-30,
      below: true,
      advice,
    });
  }
  const rectifier = rectifies
    ? [
      ...judged({
        figure: "dead_units",
        layer,
        value: figures.dead_units,
        ...deadUnits,
        advice: "units are zero for every sample and get no gradient: lower lr, warm it up, use " +
          "He initialization, or leakyReLU",
      }),
      ...judged({
        figure: "zero_fraction",
        layer,
        value: figures.zero_fraction,
        ...zeroFraction,
        advice: "almost all outputs are zero: check the bias and the scale of the inputs",
      }),
    ]
    : [];
  // A classifier that is sure of itself saturates its last layer, and should.
  if (last) return rectifier;
  return [
    ...rectifier,
    ...judged({
      figure: "saturated",
      layer,
      value: figures.saturated,
      ...saturated,
      advice: "outputs sit at the activation's bounds, where there is next to no gradient: scale " +
        "the inputs, use smaller initial weights, or batch normalization",
    }),
  ];
}

/** Mean over layers, each counting as its units; null without any. */
function weighted(
  layers: { units: number; zero_fraction: number; dead_units: number }[],
  figure: "zero_fraction" | "dead_units",
): number | null {
  const units = layers.reduce((sum, layer) => sum + layer.units, 0);
  return units === 0
    ? null
    : layers.reduce((sum, layer) => sum + layer[figure] * layer.units, 0) / units;
}
