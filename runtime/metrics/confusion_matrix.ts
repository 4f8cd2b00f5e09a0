import { argMax } from "../data/labels.ts";
import { classScores } from "./class_scores.ts";
import type { Metric, MetricBatch } from "./metric.ts";

/** Counts by [true class][predicted class]. */
export type ConfusionCounts = number[][];

/** Adds a batch's samples to the counts; the predicted class is the largest score. */
export function countConfusions(counts: ConfusionCounts, batch: MetricBatch): ConfusionCounts {
  const { samples, classes, labels, scores } = classScores(batch);
  while (counts.length < classes) counts.push([]);
  for (const row of counts) while (row.length < classes) row.push(0);
  for (let row = 0; row < samples; row++) {
    counts[labels[row]!]![argMax(scores, row * classes, classes)]!++;
  }
  return counts;
}

/** How often class `i` was taken for class `j`, as figures `i/j`. */
export function confusionMatrix(): Metric<ConfusionCounts> {
  return {
    direction: null,
    init: () => [],
    update: countConfusions,
    compute: (counts) =>
      Object.fromEntries(
        counts.flatMap((row, i) => row.map((count, j) => [`${i}/${j}`, count] as const)),
      ),
  };
}
