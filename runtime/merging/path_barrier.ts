import { type Candidates, meanLoss, type SampleSet } from "./candidates.ts";
import type { ModelWeights } from "./parents.ts";
import { weighted } from "./weighted.ts";

/** Places on the line at which the loss is taken, ends included. */
const PLACES = [0, 1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1];

/** The loss along a line, and how far it rises above that between its ends. */
export interface PathBarrier {
  /** Null where a loss is not finite. At least 0. */
  barrier: number | null;
  /** At t of 0, 1/6 ... 1. */
  losses: (number | null)[];
}

/**
 * The loss barrier between two models: the largest L((1 - t) a + t b) - ((1 - t) L(a) + t L(b)),
 * with statistics of batch normalization settled anew at each point.
 *
 * Frankle et al., Linear Mode Connectivity and the Lottery Ticket Hypothesis (2020), section 2, with
 * the line between the ends in place of their mean.
 */
export async function pathBarrier(
  candidates: Candidates,
  [one, other]: readonly [ModelWeights, ModelWeights],
  samples: SampleSet,
): Promise<PathBarrier> {
  const losses: (number | null)[] = [];
  for (const t of PLACES) {
    const point = weighted([one, other], [1 - t, t]);
    losses.push(meanLoss(await candidates.scores(await candidates.settled(point), samples)));
  }
  const [first, last] = [losses[0]!, losses.at(-1)!];
  if (losses.includes(null)) return { barrier: null, losses };
  const rises = losses.map((loss, at) => loss! - ((1 - PLACES[at]!) * first + PLACES[at]! * last));
  return { barrier: Math.max(0, ...rises), losses };
}
