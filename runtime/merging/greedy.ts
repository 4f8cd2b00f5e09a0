import { type Candidates, meanAccuracy, meanLoss, type SampleSet } from "./candidates.ts";
import { MergeError } from "./merge_error.ts";
import { checkParents, type ModelWeights } from "./parents.ts";
import { mergeWeights } from "./strategies.ts";

/** A soup and what went into it. */
export interface GreedySoup {
  weights: ModelWeights;
  /** Positions of the parents taken, in the order in which they were. */
  taken: number[];
}

/**
 * Greedy soup: the parents from the best to the worst, each taken in if the uniform mean with it is
 * no worse than the one without.
 *
 * Wortsman et al., Model soups: averaging weights of multiple fine-tuned models improves accuracy
 * without increasing inference time (2022), recipe 1.
 *
 * @param metric Undefined: accuracy where the loss has classes, else the loss.
 * @param samples What decides; statistics of batch normalization are settled for each candidate.
 * @throws {MergeError} for parents that cannot be averaged, or accuracy of a loss without classes.
 */
export async function greedy(
  candidates: Candidates,
  parents: readonly ModelWeights[],
  { metric, samples }: { metric: "accuracy" | "loss" | undefined; samples: SampleSet },
): Promise<GreedySoup> {
  checkParents(parents);
  const goodness = async (weights: ModelWeights): Promise<number> => {
    const scores = await candidates.scores(weights, samples);
    const accuracy = meanAccuracy(scores);
    if (metric === "accuracy" && accuracy === null) {
      throw new MergeError("params.metric: accuracy means nothing for this loss; take loss");
    }
    return metric !== "loss" && accuracy !== null ? accuracy : -(meanLoss(scores) ?? Infinity);
  };
  const alone: number[] = [];
  for (const parent of parents) alone.push(await goodness(parent));
  const ranked = parents.map((_, at) => at).sort((a, b) =>
    alone[a] === alone[b] ? a - b : alone[b]! - alone[a]!
  );
  const taken = [ranked[0]!];
  let soup: ModelWeights = parents[taken[0]!]!;
  let best = alone[taken[0]!]!;
  for (const next of ranked.slice(1)) {
    const trial = await candidates.settled(mergeWeights("swa", {
      parents: [...taken, next].map((at) => parents[at]!),
      averaged: candidates.statistics,
    }, {}));
    const reached = await goodness(trial);
    if (reached < best) continue;
    taken.push(next);
    [soup, best] = [trial, reached];
  }
  return { weights: soup, taken };
}
