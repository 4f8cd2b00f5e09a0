import { keyedStream } from "../determinism/rng.ts";
import type { Dataset } from "./dataset.ts";
import { labelsOf } from "./labels.ts";
import { type AnyDataset, asDataset } from "./sample_dataset.ts";
import { subset, type SubsetView } from "./subset.ts";

/** Share of the samples in each split, each in [0, 1], together at most 1. */
export interface SplitFractions {
  /** What the job trains on. */
  train: number;
  /** What decisions during training look at; 0 without it. */
  val?: number;
  /** What no decision looks at; 0 without it. */
  test?: number;
  /** What merges are judged on, in place of `val`; 0 without it. */
  gate?: number;
}

/** Options of {@linkcode split}. */
export interface SplitOptions {
  /** Decides the membership; `ctx.seed` in a job, so that forks keep it. */
  seed: number;
  /** Keeps the share of each class. Targets must be classes: one-hot rows or whole numbers. */
  stratify?: boolean;
}

/** Views of one dataset that share no sample. A split of fraction 0 has length 0. */
export type Splits = Record<(typeof NAMES)[number], SubsetView>;

const NAMES = ["train", "val", "test", "gate"] as const;

/**
 * Deals a dataset's samples out at random. Each split keeps the original order; membership is a
 * function of (seed, length, fractions), and of the labels where it is stratified.
 *
 * @throws {RangeError} for fractions out of range, or one that leaves its split without a sample.
 * @throws {TypeError} when `stratify` finds no classes.
 */
export function split(
  samples: AnyDataset,
  fractions: SplitFractions,
  options: SplitOptions,
): Splits {
  const dataset = asDataset(samples);
  const shares = NAMES.map((name) => checkedFraction(name, fractions[name] ?? 0));
  const total = shares.reduce((sum, share) => sum + share, 0);
  if (total > 1 + 1e-9) {
    throw new RangeError(`the fractions of a split are more than the whole: ${total}`);
  }
  const groups = options.stratify ? groupsByLabel(dataset) : [everySample(dataset)];
  const members = dealOut(groups, shares, options.seed);
  const views = NAMES.map((name, which) => {
    const indices = members[which]!;
    if (indices.length === 0 && shares[which]! > 0) {
      throw new RangeError(`${name}: ${shares[which]} of ${dataset.length} samples is not one`);
    }
    return [name, subset(dataset, Int32Array.from(indices).sort())];
  });
  return Object.fromEntries(views) as Splits;
}

function checkedFraction(name: string, fraction: number): number {
  if (typeof fraction === "number" && fraction >= 0 && fraction <= 1) return fraction;
  throw new RangeError(`${name} must be a fraction in [0, 1], got ${fraction}`);
}

/**
 * Shuffles each group and cuts it. Cuts follow the running total, so that what one group's
 * rounding takes away the next gives back and the splits' sizes come out right.
 */
function dealOut(groups: Int32Array[], shares: readonly number[], seed: number): number[][] {
  const members: number[][] = shares.map(() => []);
  let dealt = 0;
  groups.forEach((group, key) => {
    keyedStream(seed, "split", key).shuffle(group);
    dealt += group.length;
    let from = 0;
    let share = 0;
    let before = 0;
    shares.forEach((own, which) => {
      share += own;
      const target = Math.round(share * dealt) - before;
      before += target;
      const count = Math.min(Math.max(target - members[which]!.length, 0), group.length - from);
      for (let at = from; at < from + count; at++) members[which]!.push(group[at]!);
      from += count;
    });
  });
  return members;
}

function everySample(dataset: Dataset): Int32Array {
  return Int32Array.from({ length: dataset.length }, (_, index) => index);
}

function groupsByLabel(dataset: Dataset): Int32Array[] {
  const groups = new Map<number, number[]>();
  labelsOf(dataset).forEach((label, index) => {
    const group = groups.get(label);
    if (group === undefined) groups.set(label, [index]);
    else group.push(index);
  });
  return [...groups].sort(([a], [b]) => a - b).map(([, group]) => Int32Array.from(group));
}
