import type { RandomStream } from "../../determinism/rng.ts";
import { bootstrapMeans } from "../../merging/bootstrap.ts";
import { drawn } from "../points.ts";
import { holmAdjusted } from "./holm.ts";

/** Fewest samples of a slice, and of its rest. */
const FEWEST = 10;
/** Samples that tests are made on: more are drawn from. */
const TESTED = 5_000;
const PERMUTATIONS = 1_999;
/** Adjusted p-values below it are findings. */
const LEVEL = 0.05;

/** A way to divide samples: by label, by cluster. -1 belongs to no slice. */
export interface Division {
  by: "label" | "cluster";
  values: Int32Array;
}

/** A group of samples that does worse than the others. */
export interface WeakSlice {
  by: Division["by"];
  value: number;
  size: number;
  mean_loss: number;
  rest_loss: number;
  /** Mean loss less that of the rest, with its 95% bootstrap interval. */
  difference: number;
  low: number;
  high: number;
  /** Share right, and of the rest; null where there are no classes. */
  accuracy: number | null;
  rest_accuracy: number | null;
  /** Of a permutation test that the slice is no worse, as it is and adjusted by Holm. */
  p_value: number;
  adjusted_p: number;
}

/** What was tested, and what was found. */
export interface WeakSlices {
  /** The largest difference first. */
  slices: WeakSlice[];
  tested: number;
}

/** What is known of each sample. */
export interface Judged {
  loss: Float32Array;
  /** 1 where it is right; null where there are no classes. */
  right: Uint8Array | null;
}

/**
 * Slices whose mean loss is above that of the rest: a permutation test each (R. Fisher, 1935; 1,999
 * permutations, so that a p-value is never below 0.0005), adjusted over all slices by Holm, at 0.05.
 * Losses that are not finite are passed over, and slices of fewer than ten. Of more than 5,000
 * samples as many are drawn for tests and intervals; sizes and means are of all.
 */
export function weakSlices(
  divisions: readonly Division[],
  judged: Judged,
  random: RandomStream,
): WeakSlices {
  const rows = Int32Array.from(judged.loss.keys()).filter((row) =>
    Number.isFinite(judged.loss[row])
  );
  const sample = drawn(rows.length, TESTED, random).map((at) => rows[at]!);
  const tested: WeakSlice[] = [];
  for (const { by, values } of divisions) {
    const there = [...new Set(values)].filter((value) => value >= 0).sort((a, b) => a - b);
    for (const value of there) {
      const found = testSlice({ by, values }, value, { judged, rows, sample, random });
      if (found !== null) tested.push(found);
    }
  }
  holmAdjusted(tested.map(({ p_value }) => p_value))
    .forEach((adjusted, at) => tested[at]!.adjusted_p = adjusted);
  const slices = tested.filter(({ adjusted_p, difference }) => adjusted_p < LEVEL && difference > 0)
    .sort((a, b) => b.difference - a.difference);
  return { slices, tested: tested.length };
}

interface SliceTest {
  judged: Judged;
  rows: Int32Array;
  sample: Int32Array;
  random: RandomStream;
}

function testSlice(
  { by, values }: Division,
  value: number,
  { judged: { loss, right }, rows, sample, random }: SliceTest,
): WeakSlice | null {
  const inside = (row: number) => values[row] === value;
  const size = rows.reduce((sum, row) => sum + Number(inside(row)), 0);
  const losses = Float64Array.from(sample, (row) => loss[row]!);
  const members = losses.filter((_, at) => inside(sample[at]!));
  const others = losses.filter((_, at) => !inside(sample[at]!));
  if (Math.min(members.length, others.length) < FEWEST) return null;
  const [mine, rest] = [(row: number) => inside(row), (row: number) => !inside(row)];
  const meanLoss = (of: (row: number) => boolean) => meanOver(rows, of, (row) => loss[row]!);
  const share = (of: (row: number) => boolean) =>
    right === null ? null : meanOver(rows, of, (row) => right[row]!);
  const [own] = bootstrapMeans([members], random);
  const [other] = bootstrapMeans([others], random);
  const difference = meanLoss(mine) - meanLoss(rest);
  // The two are independent: their deviations add as squares do.
  const below = Math.hypot(own!.mean - own!.low, other!.high - other!.mean);
  const above = Math.hypot(own!.high - own!.mean, other!.mean - other!.low);
  return {
    by,
    value,
    size,
    mean_loss: meanLoss(mine),
    rest_loss: meanLoss(rest),
    difference,
    low: difference - below,
    high: difference + above,
    accuracy: share(mine),
    rest_accuracy: share(rest),
    p_value: permutationTest(losses, members, random),
    adjusted_p: 1,
  };
}

/** How often as many samples drawn from all have as large a mean as these. */
function permutationTest(
  losses: Float64Array,
  members: Float64Array,
  random: RandomStream,
): number {
  const total = losses.reduce((sum, value) => sum + value, 0);
  const own = members.reduce((sum, value) => sum + value, 0);
  // The smaller side is drawn: to draw the one is to leave the other.
  const drawsMembers = members.length * 2 <= losses.length;
  const size = drawsMembers ? members.length : losses.length - members.length;
  const pool = losses.slice();
  let asLarge = 1;
  for (let time = 0; time < PERMUTATIONS; time++) {
    let sum = 0;
    for (let at = 0; at < size; at++) {
      const other = at + random.nextInt(pool.length - at);
      const held = pool[other]!;
      pool[other] = pool[at]!;
      pool[at] = held;
      sum += held;
    }
    if ((drawsMembers ? sum : total - sum) >= own - 1e-9 * Math.abs(own)) asLarge++;
  }
  return asLarge / (PERMUTATIONS + 1);
}

function meanOver(
  rows: Int32Array,
  of: (row: number) => boolean,
  value: (row: number) => number,
): number {
  let [sum, count] = [0, 0];
  for (const row of rows) {
    if (!of(row)) continue;
    sum += value(row);
    count++;
  }
  return sum / count;
}
