/** How a sample's loss moved over scans of a model in training. */
import { z } from "zod";

/**
 * Shapes of a trajectory, told apart in this order: `unknown` under three finite losses; `forgotten`
 * right once and wrong in the end; `spiked` one scan above both neighbours by more than the spread;
 * `u` fallen and risen again, each by half a spread; `high` never below the 75th percentile;
 * `plateau` within a tenth of a spread; `monotonic` never risen by more than that, and fallen;
 * `high_variance` of a deviation above half a spread; `mixed` whatever is left.
 */
export const TrajectoryShape = z.enum([
  "monotonic",
  "plateau",
  "high",
  "high_variance",
  "u",
  "forgotten",
  "spiked",
  "mixed",
  "unknown",
]);
/** Shape of a trajectory. */
export type TrajectoryShape = z.infer<typeof TrajectoryShape>;

/** What losses are like over all samples and scans: what a single one is measured by. */
export interface LossScale {
  /** Standard deviation. */
  spread: number;
  /** 75th percentile. */
  high: number;
}

/** A tenth of a spread is no movement. */
const STILL = 0.1;
const HALF = 0.5;
const FEWEST = 3;

/**
 * The shape of one sample's losses, oldest first.
 * @param right Whether the model was right, scan by scan; null where there are no classes.
 */
export function shapeOf(
  losses: readonly number[],
  right: readonly boolean[] | null,
  { spread, high }: LossScale,
): TrajectoryShape {
  const known = losses.filter(Number.isFinite);
  if (known.length < FEWEST) return "unknown";
  if (right !== null && right.includes(true) && !right.at(-1)) return "forgotten";
  const [first, last] = [known[0]!, known.at(-1)!];
  const [least, most] = [Math.min(...known), Math.max(...known)];
  const spikes = known.some((loss, at) =>
    at > 0 && at < known.length - 1 && loss - Math.max(known[at - 1]!, known[at + 1]!) > spread
  );
  if (spikes) return "spiked";
  if (first - least > HALF * spread && last - least > HALF * spread) return "u";
  if (least >= high) return "high";
  if (most - least <= STILL * spread) return "plateau";
  const falls = known.every((loss, at) => at === 0 || loss - known[at - 1]! <= STILL * spread);
  if (falls && first > last) return "monotonic";
  return deviation(known) > HALF * spread ? "high_variance" : "mixed";
}

/**
 * How often a sample was unlearned: right in one scan, wrong in the next; null for one that was
 * never right. M. Toneva et al., "An Empirical Study of Example Forgetting" (2019).
 */
export function forgettingEvents(right: readonly boolean[]): number | null {
  if (!right.includes(true)) return null;
  return right.filter((now, at) => at > 0 && right[at - 1] && !now).length;
}

/** Standard deviation over the population. */
export function deviation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}
