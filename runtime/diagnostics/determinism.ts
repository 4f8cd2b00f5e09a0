import type { HealthFinding, HealthReport } from "../protocol/health.ts";
import { healthReport } from "./health_report.ts";

/** What one step took and came to: numbers by name, digests of tensors by name, in this order. */
export interface StepTrace {
  step: number;
  /** What the batch held. */
  data: string;
  loss: number | null;
  gradNorm: number | null;
  lr: number;
  /** Weights after the step: layer and digest. */
  weights: readonly { layer: string; digest: string }[];
}

/** The first thing that differs between two traces of the same steps; null when all are equal. */
export interface Difference {
  step: number;
  what: "data" | "lr" | "loss" | "grad_norm" | "weight";
  layer?: string;
}

/** The earliest cause first: data, then the learning rate, then what the step made of them. */
export function firstDifference(
  first: readonly StepTrace[],
  second: readonly StepTrace[],
): Difference | null {
  for (const [at, a] of first.entries()) {
    const b = second[at];
    const { step } = a;
    if (b === undefined || a.data !== b.data) return { step, what: "data" };
    if (!Object.is(a.lr, b.lr)) return { step, what: "lr" };
    if (!Object.is(a.loss, b.loss)) return { step, what: "loss" };
    if (!Object.is(a.gradNorm, b.gradNorm)) return { step, what: "grad_norm" };
    const changed = a.weights.find(({ digest }, position) =>
      digest !== b.weights[position]?.digest
    );
    if (changed !== undefined) return { step, what: "weight", layer: changed.layer };
  }
  return null;
}

const ADVICE: Record<Difference["what"], string> = {
  data: "the batch differs: batch() or sample() draws from the clock, a file that changes, or " +
    "randomness that is not Math.random or its rng",
  lr: "the learning rate differs: the schedule keeps state that it does not capture",
  loss:
    "the same batch and weights give another loss: the model or the loss draws from something " +
    "that is not seeded, or the backend is not exact",
  grad_norm: "the gradient differs: the backend sums in an order that changes",
  weight: "the update differs: the optimizer, or the module's own step, keeps state that a " +
    "checkpoint does not hold",
};

/** Whether the same steps, made twice from the same place, came to the same bits. */
export function determinism(
  first: readonly StepTrace[],
  second: readonly StepTrace[],
): HealthReport {
  const difference = firstDifference(first, second);
  const findings: HealthFinding[] = difference === null ? [] : [{
    status: "fail",
    figure: difference.what,
    ...(difference.layer === undefined ? {} : { layer: difference.layer }),
    value: difference.step,
    threshold: 0,
    advice: `first difference at step ${difference.step}: ${ADVICE[difference.what]}`,
  }];
  return healthReport("determinism", findings, {
    steps: first.length,
    first_step: first[0]?.step ?? null,
    identical_steps: difference === null
      ? first.length
      : first.findIndex(({ step }) => step === difference.step),
  });
}
