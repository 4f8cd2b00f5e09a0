import { classScores } from "./class_scores.ts";
import type { Metric } from "./metric.ts";

interface Scored {
  classes: number;
  labels: number[];
  /** Scores of each class in turn. */
  scores: number[][];
}

/**
 * Area under the ROC curve: the chance that a sample of a class is scored above one that is not,
 * ties counting half. For two classes of class 1; for more the mean over the classes, each against
 * the rest. It keeps every score of the split. The same as `sklearn.metrics.roc_auc_score`.
 */
export function auroc(): Metric<Scored> {
  return {
    direction: "max",
    init: () => ({ classes: 0, labels: [], scores: [] }),
    update: (state, batch) => {
      const { samples, classes, labels, scores } = classScores(batch);
      while (state.scores.length < classes) state.scores.push([]);
      for (let row = 0; row < samples; row++) {
        state.labels.push(labels[row]!);
        for (let at = 0; at < classes; at++) state.scores[at]!.push(scores[row * classes + at]!);
      }
      return { ...state, classes };
    },
    compute: ({ classes, labels, scores }) => {
      if (classes === 2) return area(labels, scores[1]!, 1);
      const areas = scores.map((of, label) => area(labels, of, label));
      return areas.reduce((sum, one) => sum + one, 0) / areas.length;
    },
  };
}

/** The Mann-Whitney statistic by mean ranks; NaN where one side is empty. */
function area(labels: readonly number[], scores: readonly number[], positive: number): number {
  const order = scores.map((_, i) => i).sort((a, b) => scores[a]! - scores[b]!);
  let rankSum = 0;
  let positives = 0;
  for (let from = 0; from < order.length;) {
    let to = from;
    while (to < order.length && scores[order[to]!] === scores[order[from]!]) to++;
    const rank = (from + to + 1) / 2;
    for (let at = from; at < to; at++) {
      if (labels[order[at]!] !== positive) continue;
      rankSum += rank;
      positives++;
    }
    from = to;
  }
  const negatives = order.length - positives;
  return (rankSum - positives * (positives + 1) / 2) / (positives * negatives);
}
