import { readValues } from "../backends/tensor_view.ts";
import type { FedBatch } from "../data/batch_feed.ts";
import type { HealthFinding, HealthReport } from "../protocol/health.ts";
import { batchGradients } from "../training/gradients.ts";
import { l2Norm } from "../training/norms.ts";
import { trainStep } from "../training/train_step.ts";
import type { TrainingRun } from "../training/training_run.ts";
import { healthReport, judged } from "./health_report.ts";
import { momentsOf } from "./moments.ts";
import { namedWeights } from "./named_weights.ts";

/** Thresholds, with their sources in docs/health.md. */
export const GRADIENT_LIMITS = {
  /** Global L2 norm of the gradient, before clipping. */
  exploding: { warn: 1e3, fail: 1e6 },
  /** Root mean square of a layer's gradient over that of the layer with the largest. */
  vanishing: { warn: 1e-4, fail: 1e-7 },
  /** Norm of a layer's update over that of its weights; about 1e-3 is right. */
  updateHigh: { warn: 0.1, fail: 1 },
  updateLow: { warn: 1e-6 },
} as const;

/** What one step does to one weight. */
interface WeightStep {
  layer: string;
  kernel: boolean;
  /** Null where no gradient flows. */
  gradNorm: number | null;
  gradRms: number;
  weightNorm: number;
  /** Null for a module's own step, whose update is its own. */
  updateRatio: number | null;
}

/**
 * The gradient of each layer for a batch, and what the update that follows from it does to the
 * layer. Trains one step on the batch: to be run inside `undisturbed`.
 */
export function gradients(run: TrainingRun, { drawn, batch }: FedBatch): HealthReport {
  run.enterPhase("step", run.axisStep, 0);
  const found = batchGradients(run, batch, drawn.indices);
  const names = namedWeights(run.handle).filter(({ trainable }) => trainable);
  const before = names.map(({ variable }) => readValues(variable).slice());
  const scale = run.scaler.figures["loss_scale"] ?? 1;
  const norms = found.gradients.map((gradient) => gradient && l2Norm([gradient]) / scale);
  const rms = found.gradients.map((gradient) =>
    gradient === null ? 0 : momentsOf(readValues(gradient)).rms / scale
  );
  const own = run.steps.trainStep !== undefined;
  const { gradNorm, lr, applied } = trainStep(run, [found]);
  const steps = names.map(({ layer, variable }, position): WeightStep => {
    const weightNorm = normOf(before[position]!);
    const moved = distance(readValues(variable), before[position]!);
    const measurable = applied && !own && weightNorm > 0;
    return {
      layer,
      kernel: variable.rank >= 2,
      gradNorm: norms[position] ?? null,
      gradRms: rms[position]!,
      weightNorm,
      updateRatio: measurable ? moved / weightNorm : null,
    };
  });
  const ratios = steps.filter(({ kernel }) => kernel).flatMap(({ updateRatio }) =>
    updateRatio === null ? [] : [updateRatio]
  );
  return healthReport(
    "gradients",
    [...judgedNorm(gradNorm), ...steps.flatMap((step) => judgedStep(step, steps))],
    {
      loss: found.loss,
      samples: found.samples,
      lr,
      grad_norm: gradNorm,
      update_ratio: ratios.length === 0 ? null : ratios.reduce((a, b) => a + b, 0) / ratios.length,
    },
    steps.map(({ layer, gradNorm, gradRms, weightNorm, updateRatio }) => ({
      layer,
      grad_norm: gradNorm,
      grad_rms: gradRms,
      weight_norm: weightNorm,
      update_ratio: updateRatio,
    })),
  );
}

function judgedNorm(norm: number | null): HealthFinding[] {
  const { exploding: { warn, fail } } = GRADIENT_LIMITS;
  if (norm === null || !Number.isFinite(norm)) {
    const advice = "the gradient is NaN or infinite: ask for the numerics check, which names " +
      "the first layer";
    return [{ status: "fail", figure: "grad_norm", value: null, threshold: fail, advice }];
  }
  const advice =
    "the gradient explodes: set grad_clip_norm, lower lr, and scale inputs and targets";
  return judged({ figure: "grad_norm", value: norm, warn, fail, advice });
}

function judgedStep(
  { layer, kernel, gradNorm, gradRms, updateRatio }: WeightStep,
  all: readonly WeightStep[],
): HealthFinding[] {
  const { vanishing, updateHigh, updateLow } = GRADIENT_LIMITS;
  if (gradNorm === null) {
    const advice = "the loss does not depend on this weight: connect its layer, or freeze it";
    const threshold = 0;
    return [{ status: "fail", figure: "grad_norm", layer, value: null, threshold, advice }];
  }
  if (!kernel || !Number.isFinite(gradNorm)) return [];
  const largest = Math.max(...all.filter((step) => step.kernel).map((step) => step.gradRms));
  if (largest === 0) {
    const advice = "no gradient arrives: the units before the loss are dead or saturated; ask " +
      "for the activations check";
    const threshold = vanishing.fail;
    return [{ status: "fail", figure: "grad_norm", layer, value: 0, threshold, advice }];
  }
  return [
    ...judged({
      figure: "grad_share",
      layer,
      value: gradRms / largest,
      ...vanishing,
      below: true,
      advice: "next to no gradient arrives here: use relu-like activations, batch normalization, " +
        "residual connections, or a larger initialization",
    }),
    ...(updateRatio === null ? [] : [
      ...judged({
        figure: "update_ratio",
        layer,
        value: updateRatio,
        ...updateHigh,
        advice: "a step changes these weights by a large share of themselves: lower lr, or warm " +
          "it up",
      }),
      ...judged({
        figure: "update_ratio",
        layer,
        value: updateRatio,
        ...updateLow,
        below: true,
        advice: "a step hardly changes these weights: raise lr",
      }),
    ]),
  ];
}

function normOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < values.length; at++) sum += values[at]! * values[at]!;
  return Math.sqrt(sum);
}

function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += (a[at]! - b[at]!) ** 2;
  return Math.sqrt(sum);
}
