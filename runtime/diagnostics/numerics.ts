import * as tf from "@tensorflow/tfjs";
import { readValues } from "../backends/tensor_view.ts";
import type { FedBatch } from "../data/batch_feed.ts";
import type { TensorOrRecord } from "../job_definition.ts";
import type { HealthFinding, HealthReport } from "../protocol/health.ts";
import { type BatchGradients, batchGradients } from "../training/gradients.ts";
import type { TrainingRun } from "../training/training_run.ts";
import { healthReport, judged } from "./health_report.ts";
import { layersOf, LayerWatch } from "../training/layer_outputs.ts";
import { namedWeights } from "./named_weights.ts";

/** Thresholds, with their sources in docs/health.md. */
export const NUMERICS_LIMITS = {
  /** Largest absolute output of a layer: the square of a larger one is no float32. */
  largest: { warn: 1.8e19 },
  /** Share of a gradient's non-zero values that float32 holds with fewer than its 24 bits. */
  subnormal: { warn: 0.5 },
} as const;

/** Smallest normal float32. */
const SMALLEST_NORMAL = 2 ** -126;
/** Smallest number that float16 tells from zero, and its largest. */
const FLOAT16 = { smallest: 2 ** -24, largest: 65_504 };

/** What was found in one place, in the order in which a step computes them. */
interface Place {
  layer: string;
  stage: "data" | "weight" | "output" | "loss" | "gradient";
  nonFinite: number;
  largest: number;
  /** Share of the non-zero values below what float16, and float32 at full precision, can hold. */
  underflow: number;
  subnormal: number;
}

/**
 * Hunts NaN and infinity through a batch's way: data, weights, outputs of each layer, loss,
 * gradients. The first finding names where they begin. Batch normalization moves its statistics
 * here: to be run inside `undisturbed`.
 */
export function numerics(run: TrainingRun, { drawn, batch }: FedBatch): HealthReport {
  const places: Place[] = [
    ...placesOf("data", { xs: batch.xs, ys: batch.ys }),
    ...namedWeights(run.handle).map(({ layer, variable }) => placeOf("weight", layer, variable)),
  ];
  run.enterPhase("step", run.axisStep, 0);
  const told = new Set<string>();
  const watch = new LayerWatch(layersOf(run.handle.model));
  watch.listener = ({ name }, output) => {
    if (told.has(name)) return;
    told.add(name);
    places.push(placeOf("output", name, output));
  };
  let found: BatchGradients;
  try {
    found = batchGradients(run, batch, drawn.indices);
  } finally {
    watch[Symbol.dispose]();
  }
  places.push(placeOf("loss", "loss", [found.loss]));
  const names = namedWeights(run.handle).filter(({ trainable }) => trainable);
  found.gradients.forEach((gradient, position) => {
    if (gradient !== null) places.push(placeOf("gradient", names[position]!.layer, gradient));
  });
  tf.dispose(found.gradients.filter((gradient) => gradient !== null));
  const gradients = places.filter(({ stage }) => stage === "gradient");
  const largest = (stage: Place["stage"]) =>
    places.reduce((max, place) => place.stage === stage ? Math.max(max, place.largest) : max, 0);
  return healthReport(
    "numerics",
    [...firstNonFinite(places), ...places.flatMap(judgedPlace)],
    {
      loss: found.loss,
      non_finite: places.reduce((sum, { nonFinite }) => sum + nonFinite, 0),
      largest_output: largest("output"),
      largest_weight: largest("weight"),
      largest_gradient: largest("gradient"),
      float16_underflow: gradients.length === 0
        ? null
        : gradients.reduce((sum, { underflow }) => sum + underflow, 0) / gradients.length,
      float16_overflow: Math.max(largest("output"), largest("gradient")) > FLOAT16.largest ? 1 : 0,
    },
    places.map(({ layer, stage, nonFinite, largest }) => ({
      layer,
      stage,
      non_finite: nonFinite,
      largest,
    })),
  );
}

const ADVICE: Record<Place["stage"], string> = {
  data: "the data themselves have NaN or infinity here: clean them, or check the division that " +
    "scales them",
  weight: "the weights are NaN or infinite already: rewind to an earlier checkpoint, lower lr, " +
    "set grad_clip_norm",
  output:
    "finite inputs and weights become NaN or infinite in this layer: look for a division, a " +
    "logarithm or an exponential, and scale its inputs",
  loss: "the predictions are finite and the loss is not: guard its logarithm or division with an " +
    "epsilon",
  gradient: "the loss is finite and its gradient is not: look for a square root or a norm at " +
    "zero, and set grad_clip_norm",
};

function firstNonFinite(places: readonly Place[]): HealthFinding[] {
  const first = places.find(({ nonFinite }) => nonFinite > 0);
  if (first === undefined) return [];
  const { layer, stage, nonFinite: value } = first;
  return [{
    status: "fail",
    figure: `${stage}_non_finite`,
    layer,
    value,
    threshold: 0,
    advice: ADVICE[stage],
  }];
}

function judgedPlace({ layer, stage, largest, subnormal }: Place): HealthFinding[] {
  const { largest: limit, subnormal: share } = NUMERICS_LIMITS;
  if (stage === "output") {
    const advice =
      "outputs are about to overflow: scale the inputs, or normalize before this layer";
    return judged({ figure: "largest_output", layer, value: largest, ...limit, advice });
  }
  if (stage !== "gradient") return [];
  const advice = "most of this gradient is too small for float32 to hold to the digit: scale the " +
    "loss, or look for saturated units";
  return judged({ figure: "subnormal", layer, value: subnormal, ...share, advice });
}

function placesOf(stage: Place["stage"], parts: Record<string, TensorOrRecord>): Place[] {
  return Object.entries(parts).flatMap(([part, tensors]) =>
    tensors instanceof tf.Tensor
      ? [placeOf(stage, part, tensors)]
      : Object.entries(tensors).map(([name, tensor]) => placeOf(stage, `${part}.${name}`, tensor))
  );
}

function placeOf(stage: Place["stage"], layer: string, of: tf.Tensor | number[]): Place {
  const values = Array.isArray(of) ? of : of.dtype === "string" ? [] : readValues(of);
  let nonFinite = 0, largest = 0, nonZero = 0, underflow = 0, subnormal = 0;
  for (let at = 0; at < values.length; at++) {
    const size = Math.abs(values[at]!);
    if (!Number.isFinite(size)) nonFinite++;
    else if (size > 0) {
      nonZero++;
      if (size > largest) largest = size;
      if (size < FLOAT16.smallest) underflow++;
      if (size < SMALLEST_NORMAL) subnormal++;
    }
  }
  const share = (count: number) => nonZero === 0 ? 0 : count / nonZero;
  return {
    layer,
    stage,
    nonFinite,
    largest,
    underflow: share(underflow),
    subnormal: share(subnormal),
  };
}
