import { type ConfusionCounts, countConfusions } from "./confusion_matrix.ts";
import type { Metric } from "./metric.ts";

/** `macro`: mean over the classes. `micro`: over all decisions. `binary`: of class 1. */
export type F1Average = "macro" | "micro" | "binary";

/**
 * F1 = 2 TP / (2 TP + FP + FN), in [0, 1]; 0 where a class neither occurs nor is predicted.
 * The same as `sklearn.metrics.f1_score`.
 */
export function f1({ average = "macro" }: { average?: F1Average } = {}): Metric<ConfusionCounts> {
  return {
    direction: "max",
    init: () => [],
    update: countConfusions,
    compute: (counts) => {
      const classes = counts.map((_, label) => outcomes(counts, label));
      if (average === "binary") return score(outcomes(counts, 1));
      if (average === "micro") return score(classes.reduce(add));
      return classes.reduce((sum, outcome) => sum + score(outcome), 0) / classes.length;
    },
  };
}

interface Outcomes {
  hits: number;
  falseAlarms: number;
  misses: number;
}

function outcomes(counts: ConfusionCounts, label: number): Outcomes {
  const hits = counts[label]?.[label] ?? 0;
  const predicted = counts.reduce((sum, row) => sum + (row[label] ?? 0), 0);
  const actual = (counts[label] ?? []).reduce((sum, count) => sum + count, 0);
  return { hits, falseAlarms: predicted - hits, misses: actual - hits };
}

function add(a: Outcomes, b: Outcomes): Outcomes {
  return {
    hits: a.hits + b.hits,
    falseAlarms: a.falseAlarms + b.falseAlarms,
    misses: a.misses + b.misses,
  };
}

function score({ hits, falseAlarms, misses }: Outcomes): number {
  const decisions = 2 * hits + falseAlarms + misses;
  return decisions === 0 ? 0 : 2 * hits / decisions;
}
