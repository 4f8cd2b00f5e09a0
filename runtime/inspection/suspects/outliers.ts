import type { RandomStream } from "../../determinism/rng.ts";
import { drawn, type Points } from "../points.ts";
import { robustBound } from "./robust_bound.ts";

/** Points that distances are measured to: more only cost time. */
const REFERENCES = 2_000;
/** Points between two calls of `onPoints`. */
const TURN = 256;

/** A point far from the others. */
export interface Outlier {
  /** Place of the sample. */
  row: number;
  /** Robust deviations of the logarithm of its distance above the median. */
  score: number;
  distance: number;
}

/** What lies far out. */
export interface Outliers {
  /** Farthest first. */
  outliers: Outlier[];
  /** Distances past it are far out; null where distances do not vary. */
  bound: number | null;
  median: number | null;
  references: number;
}

/**
 * Points whose k-th nearest neighbour is far: S. Ramaswamy, R. Rastogi and K. Shim, "Efficient
 * Algorithms for Mining Outliers from Large Data Sets" (2000), among a drawn set of at most 2,000, as
 * M. Sugiyama and K. Borgwardt, "Rapid Distance-Based Outlier Detection via Sampling" (2013), so that
 * time grows with the samples and memory does not. Far is 3.5 robust deviations of the logarithm above
 * its median. Points that are not finite are passed over.
 *
 * @param neighbour Which neighbour counts; of fewer points the last there is.
 */
export async function outliersOf(
  points: Points,
  neighbour: number,
  random: RandomStream,
  onPoints: (done: number, total: number) => Promise<void> = async () => {},
): Promise<Outliers> {
  const { count, width, values } = points;
  const chosen = drawn(count, REFERENCES, random)
    .filter((row) => values.subarray(row * width, (row + 1) * width).every(Number.isFinite));
  const k = Math.min(neighbour, chosen.length - 1);
  if (k < 1) return { outliers: [], bound: null, median: null, references: chosen.length };
  const distances = new Float32Array(count);
  for (let row = 0; row < count; row++) {
    distances[row] = kthDistance(points, row, chosen, k);
    if (row % TURN === TURN - 1) await onPoints(row + 1, count);
  }
  await onPoints(count, count);
  // A copy is at distance 0, whose logarithm would tear the spread apart.
  const least = distances.reduce((min, value) => value > 0 ? Math.min(min, value) : min, Infinity);
  const logs = distances.map((value) => Math.log(Math.max(value, least)));
  const bulk = robustBound(logs);
  if (bulk === null || bulk.spread === 0 || least === Infinity) {
    return { outliers: [], bound: null, median: null, references: chosen.length };
  }
  const outliers: Outlier[] = [];
  logs.forEach((value, row) => {
    if (!(value > bulk.high)) return;
    const score = (value - bulk.median) / bulk.spread;
    outliers.push({ row, score, distance: distances[row]! });
  });
  outliers.sort((a, b) => b.score - a.score || a.row - b.row);
  return {
    outliers,
    bound: Math.exp(bulk.high),
    median: Math.exp(bulk.median),
    references: chosen.length,
  };
}

/** To the k-th nearest of `others`, itself aside. */
function kthDistance({ width, values }: Points, row: number, others: Int32Array, k: number) {
  const nearest = new Float64Array(k).fill(Infinity);
  for (const other of others) {
    if (other === row) continue;
    const worst = nearest[k - 1]!;
    let squares = 0;
    for (let at = 0; at < width && squares < worst; at++) {
      squares += (values[row * width + at]! - values[other * width + at]!) ** 2;
    }
    if (Number.isNaN(squares)) return NaN;
    if (squares >= worst) continue;
    let place = k - 1;
    for (; place > 0 && nearest[place - 1]! > squares; place--) {
      nearest[place] = nearest[place - 1]!;
    }
    nearest[place] = squares;
  }
  return Math.sqrt(nearest[k - 1]!);
}
