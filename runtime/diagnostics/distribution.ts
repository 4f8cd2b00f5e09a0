import { readValues } from "../backends/tensor_view.ts";
import type { HealthFinding, HealthReport } from "../protocol/health.ts";
import type { ModelHandle } from "../training/model_handle.ts";
import { healthReport, judged, type LayerFigures } from "./health_report.ts";
import { histogramOf, momentsOf } from "./moments.ts";
import { namedWeights } from "./named_weights.ts";

/** Thresholds, with their sources in docs/health.md. */
export const DISTRIBUTION_LIMITS = {
  /** Root mean square over that of He's initialization, sqrt(2 / fan-in). */
  scaleHigh: { warn: 10, fail: 100 },
  scaleLow: { warn: 0.01 },
  /** Share of units all of whose incoming weights are zero. */
  deadUnits: { warn: 0.1, fail: 0.5 },
  /** Share of weights within 1% of the largest: a clip or a constraint holds them. */
  saturated: { warn: 0.25 },
} as const;

const BINS = 20;
/** A weight this small is zero for any input that float32 can hold to the digit. */
const ZERO = 1e-12;
/** Fewer values than this say nothing about how they are spread. */
const FEW = 32;

interface Weight {
  layer: string;
  shape: readonly number[];
  values: ArrayLike<number>;
  trainable: boolean;
}

/** How the weights of each layer are spread: moments, histogram, dead units, saturation. */
export function distribution(handle: ModelHandle): HealthReport {
  const weights = namedWeights(handle).map(({ layer, variable, trainable }): Weight => ({
    layer,
    shape: variable.shape,
    values: readValues(variable),
    trainable,
  }));
  const findings: HealthFinding[] = [];
  const layers = weights.map((weight) => {
    const figures = figuresOf(weight);
    findings.push(...judgedWeight(weight, figures));
    return figures;
  });
  const parameters = weights.reduce((sum, { values }) => sum + values.length, 0);
  const nonFinite = layers.reduce((sum, { non_finite }) => sum + non_finite, 0);
  return healthReport(
    "distribution",
    findings,
    { parameters, weights: weights.length, non_finite: nonFinite },
    layers satisfies LayerFigures[],
  );
}

function figuresOf({ layer, shape, values }: Weight) {
  const { nonFinite, ...moments } = momentsOf(values);
  const largest = Math.max(Math.abs(moments.min), Math.abs(moments.max));
  return {
    layer,
    values: values.length,
    non_finite: nonFinite,
    ...moments,
    scale: moments.rms / Math.sqrt(2 / fanIn(layer, shape)),
    zero_fraction: share(values, (value) => Math.abs(value) <= ZERO),
    dead_units: deadUnits(shape, values),
    saturated: share(values, (value) => Math.abs(value) >= 0.99 * largest),
    histogram: histogramOf(values, moments, BINS),
  };
}

function judgedWeight(
  { layer, shape, values, trainable }: Weight,
  figures: ReturnType<typeof figuresOf>,
): HealthFinding[] {
  if (figures.non_finite > 0) {
    const advice = "weights are NaN or infinite: rewind to an earlier checkpoint, lower lr, " +
      "clip gradients (grad_clip_norm), and ask for the numerics check";
    return judged({
      figure: "non_finite",
      layer,
      value: figures.non_finite,
      warn: 0,
      fail: 0,
      advice,
    });
  }
  // Biases and the scales of a normalization begin as constants, embeddings have no fan-in.
  const isKernel = shape.length >= 2 && trainable && !/embedding/i.test(layer);
  if (!isKernel || values.length < FEW) return [];
  if (figures.std === 0) {
    const advice =
      "all weights are the same, so all units compute the same: use a random initializer";
    return judged({ figure: "std", layer, value: 0, warn: ZERO, fail: ZERO, below: true, advice });
  }
  const { scaleHigh, scaleLow, deadUnits: dead, saturated } = DISTRIBUTION_LIMITS;
  return [
    ...judged({
      figure: "scale",
      layer,
      value: figures.scale,
      ...scaleHigh,
      advice: "weights have grown far beyond their initialization: lower lr, add weight decay, " +
        "or set grad_clip_norm",
    }),
    ...judged({
      figure: "scale",
      layer,
      value: figures.scale,
      ...scaleLow,
      below: true,
      advice: "weights have shrunk to almost nothing: less weight decay, or another initializer",
    }),
    ...judged({
      figure: "dead_units",
      layer,
      value: figures.dead_units,
      ...dead,
      advice: "units have no incoming weights left and only add a constant: less regularization, " +
        "or a smaller layer",
    }),
    ...judged({
      figure: "saturated",
      layer,
      value: figures.saturated,
      ...saturated,
      advice: "weights sit at their limit: loosen the constraint or the clipping that holds them",
    }),
  ];
}

/** Inputs of one unit. A depthwise kernel has as many as its window. */
function fanIn(layer: string, shape: readonly number[]): number {
  const kept = layer.endsWith("depthwise_kernel") ? shape.slice(0, -2) : shape.slice(0, -1);
  return Math.max(1, kept.reduce((product, size) => product * size, 1));
}

/** Share of the units, along the last axis, whose incoming weights are all zero. */
function deadUnits(shape: readonly number[], values: ArrayLike<number>): number {
  const units = shape.at(-1) ?? 1;
  if (shape.length < 2) return 0;
  const alive = new Uint8Array(units);
  for (let at = 0; at < values.length; at++) {
    if (Math.abs(values[at]!) > ZERO) alive[at % units] = 1;
  }
  return 1 - alive.reduce((sum, unit) => sum + unit, 0) / units;
}

function share(values: ArrayLike<number>, holds: (value: number) => boolean): number {
  let count = 0;
  for (let at = 0; at < values.length; at++) if (holds(values[at]!)) count++;
  return count / values.length;
}
