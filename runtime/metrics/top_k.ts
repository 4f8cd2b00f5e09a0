import { classScores } from "./class_scores.ts";
import type { Metric } from "./metric.ts";

/**
 * Share of samples whose true class is among the `k` largest scores, in [0, 1]; of equal scores the
 * lower class counts as larger. `topK(1)` is accuracy.
 */
export function topK(k: number): Metric<{ hits: number; samples: number }> {
  return {
    direction: "max",
    init: () => ({ hits: 0, samples: 0 }),
    update: (state, batch) => {
      const { samples, classes, labels, scores } = classScores(batch);
      let { hits } = state;
      for (let row = 0; row < samples; row++) {
        const label = labels[row]!;
        const own = scores[row * classes + label]!;
        let above = 0;
        for (let other = 0; other < classes; other++) {
          const score = scores[row * classes + other]!;
          if (score > own || (score === own && other < label)) above++;
        }
        if (above < k) hits++;
      }
      return { hits, samples: state.samples + samples };
    },
    compute: ({ hits, samples }) => hits / samples,
  };
}
