import { kmeans } from "ml-kmeans";
import type { RandomStream } from "../determinism/rng.ts";
import { drawn, type Points, rowsOf } from "./points.ts";

/** Samples that centres are fitted on, and that a silhouette looks at: the rest only join. */
const FITTED = 4_000;
const SILHOUETTE = 600;
const MOST_AUTO = 10;

/** The groups of some points. */
export interface Clusters {
  k: number;
  /** Of each point, by size: cluster 0 is the largest. -1 for one that is not finite. */
  cluster: Int32Array;
  /**
   * Mean silhouette in [-1, 1]; null where there is one group, or one a point. P. Rousseeuw,
   * "Silhouettes" (1987).
   */
  silhouette: number | null;
}

/** More clusters than points. */
export class ClusterError extends Error {
  override name = "ClusterError";
}

/**
 * Groups points by k-means (k-means++ starts, Arthur and Vassilvitskii 2007); `auto` takes the k
 * from 2 to 10 with the best silhouette. The same stream gives the same groups.
 *
 * @throws {ClusterError} for more clusters than there are finite points.
 */
export function clusterPoints(
  points: Points,
  k: number | "auto",
  random: RandomStream,
): Clusters {
  const finite = finitePositions(points);
  if (k !== "auto" && k > finite.length) {
    throw new ClusterError(`k: ${k} clusters of ${finite.length} samples`);
  }
  if (finite.length < 3 || k === 1) {
    return joined(points, [centreOf(points, finite)], finite, finite);
  }
  const fitted = drawn(finite.length, FITTED, random).map((at) => finite[at]!);
  const seen = drawn(finite.length, SILHOUETTE, random).map((at) => finite[at]!);
  const seed = random.nextInt(2 ** 31);
  const rows = rowsOf(points, fitted);
  const most = Math.min(MOST_AUTO, finite.length - 1);
  const tried = k === "auto" ? Array.from({ length: most - 1 }, (_, at) => at + 2) : [k];
  let best: Clusters | null = null;
  for (const count of tried) {
    const { centroids } = kmeans(rows, Math.min(count, rows.length), {
      seed,
      initialization: "kmeans++",
    });
    const found = joined(points, centroids, finite, seen);
    if (best === null || (found.silhouette ?? -1) > (best.silhouette ?? -1)) best = found;
  }
  return best!;
}

/** Each point with its nearest centre, centres numbered by how many they have. */
function joined(
  points: Points,
  centres: number[][],
  finite: Int32Array,
  seen: Int32Array,
): Clusters {
  const cluster = new Int32Array(points.count).fill(-1);
  const sizes = new Array<number>(centres.length).fill(0);
  for (const position of finite) {
    const nearest = nearestTo(points, position, centres);
    cluster[position] = nearest;
    sizes[nearest]!++;
  }
  const bySize = [...sizes.keys()].sort((a, b) => sizes[b]! - sizes[a]! || a - b);
  const numberOf = new Map(bySize.map((centre, number) => [centre, number]));
  const renumbered = cluster.map((centre) => numberOf.get(centre) ?? -1);
  return {
    k: centres.length,
    cluster: renumbered,
    silhouette: silhouette(points, renumbered, seen, centres.length),
  };
}

function silhouette(
  points: Points,
  cluster: Int32Array,
  seen: Int32Array,
  k: number,
): number | null {
  const members = new Array<number>(k).fill(0);
  for (const position of seen) members[cluster[position]!]!++;
  if (members.filter((count) => count > 0).length < 2) return null;
  let total = 0;
  const sums = new Float64Array(k);
  for (const one of seen) {
    sums.fill(0);
    for (const other of seen) sums[cluster[other]!]! += distance(points, one, other);
    const own = cluster[one]!;
    if (members[own] === 1) continue; // A cluster of one has silhouette 0.
    const within = sums[own]! / (members[own]! - 1);
    const nearest = sums.reduce(
      (least, sum, at) =>
        at === own || members[at] === 0 ? least : Math.min(least, sum / members[at]!),
      Infinity,
    );
    const larger = Math.max(within, nearest);
    if (larger > 0) total += (nearest - within) / larger;
  }
  return total / seen.length;
}

function distance({ width, values }: Points, one: number, other: number): number {
  let squares = 0;
  for (let at = 0; at < width; at++) {
    squares += (values[one * width + at]! - values[other * width + at]!) ** 2;
  }
  return Math.sqrt(squares);
}

function nearestTo({ width, values }: Points, position: number, centres: number[][]): number {
  let [best, least] = [0, Infinity];
  for (let centre = 0; centre < centres.length; centre++) {
    let squares = 0;
    for (let at = 0; at < width; at++) {
      squares += (values[position * width + at]! - centres[centre]![at]!) ** 2;
    }
    if (squares < least) [best, least] = [centre, squares];
  }
  return best;
}

function centreOf({ width, values }: Points, positions: Int32Array): number[] {
  const centre = new Array<number>(width).fill(0);
  for (const position of positions) {
    for (let at = 0; at < width; at++) {
      centre[at]! += values[position * width + at]! / positions.length;
    }
  }
  return centre;
}

function finitePositions({ count, width, values }: Points): Int32Array {
  const finite = (position: number) =>
    values.subarray(position * width, (position + 1) * width).every(Number.isFinite);
  return Int32Array.from({ length: count }, (_, position) => position).filter(finite);
}
