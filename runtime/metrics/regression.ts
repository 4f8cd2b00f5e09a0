import * as tf from "@tensorflow/tfjs";
import { readValues } from "../backends/tensor_view.ts";
import type { Direction } from "./direction.ts";
import type { Metric, MetricBatch } from "./metric.ts";

/** Sums over every value of a split. */
export interface ErrorSums {
  count: number;
  absolute: number;
  squared: number;
  truth: number;
  truthSquared: number;
}

/** Mean absolute error, over every value. */
export function mae(): Metric<ErrorSums> {
  return overErrors("min", ({ absolute, count }) => absolute / count);
}

/** Square root of the mean squared error, over every value. */
export function rmse(): Metric<ErrorSums> {
  return overErrors("min", ({ squared, count }) => Math.sqrt(squared / count));
}

/** Coefficient of determination, 1 - SSE / SST; 1 is perfect, 0 is as good as the mean. */
export function r2(): Metric<ErrorSums> {
  return overErrors(
    "max",
    ({ squared, truth, truthSquared, count }) =>
      1 - squared / (truthSquared - truth * truth / count),
  );
}

function overErrors(
  direction: Direction,
  compute: (sums: ErrorSums) => number,
): Metric<ErrorSums> {
  return {
    init: () => ({ count: 0, absolute: 0, squared: 0, truth: 0, truthSquared: 0 }),
    update: addErrors,
    compute,
    direction,
  };
}

function addErrors(sums: ErrorSums, { yTrue, yPred }: MetricBatch): ErrorSums {
  if (!(yTrue instanceof tf.Tensor)) throw new TypeError("it takes one tensor of targets");
  if (yTrue.size !== yPred.size) {
    throw new TypeError(`targets [${yTrue.shape}] do not fit predictions [${yPred.shape}]`);
  }
  const truth = readValues(yTrue);
  const predicted = readValues(yPred);
  const next = { ...sums, count: sums.count + truth.length };
  for (let i = 0; i < truth.length; i++) {
    const error = predicted[i]! - truth[i]!;
    next.absolute += Math.abs(error);
    next.squared += error * error;
    next.truth += truth[i]!;
    next.truthSquared += truth[i]! * truth[i]!;
  }
  return next;
}
