import type { RandomStream } from "../../determinism/rng.ts";
import { drawn, type Points } from "../points.ts";

/** Points that near copies are looked for among: past it only exact ones are found in the rest. */
const COMPARED = 30_000;
/** Points between two calls of `onPoints`. */
const TURN = 64;

/** The samples of one split, as they are compared. */
export interface ComparedSamples {
  split: string;
  /** 64 bits of a hash of each sample's inputs. */
  keys: BigUint64Array;
  points: Points;
}

/** A sample that is there again. */
export interface Duplicate {
  /** Place of the sample. */
  row: number;
  /** 1 for an exact copy, less by its distance otherwise. */
  score: number;
  /** Of what it repeats: another split, which is leakage, or an earlier sample of its own. */
  split: string;
  of_row: number;
  exact: boolean;
  /** In units of `scale`. */
  distance: number;
}

/** What is there more than once. */
export interface Duplicates {
  /** Leaks first, then by score. */
  duplicates: Duplicate[];
  /** Root of the mean squared distance of the samples from their mean: the unit. */
  scale: number;
  /** Samples of all splits that near copies were looked for among. */
  compared: number;
  total: number;
}

/**
 * Samples that are copies, or nearly: of a sample of another split first, then of an earlier one of
 * their own. Exact copies have the same hash. Near ones lie within the threshold by Euclidean distance
 * over the typical distance from the mean, so that it means the same at any scale and 0.05 is a
 * twentieth of it; independent points of d dimensions lie about 1.4 apart. They are found by a sweep
 * along the widest coordinate, which passes over what is too far there and so misses none (the sorted
 * neighbourhood of M. Hernández and S. Stolfo, "The Merge/Purge Problem for Large Databases", 1995,
 * with a window of the threshold). Of more than 30,000 samples near ones are looked for among as many
 * that are drawn, so that time and memory are bounded. One finding a sample: its strongest.
 *
 * @param own The samples that are judged.
 * @param others Of other splits, in the same space.
 */
export async function duplicatesOf(
  own: ComparedSamples,
  others: readonly ComparedSamples[],
  threshold: number,
  random: RandomStream,
  onPoints: (done: number, total: number) => Promise<void> = async () => {},
): Promise<Duplicates> {
  const sets = [own, ...others];
  const found = new Map<number, Duplicate>();
  const suspect = (next: Duplicate) => {
    const known = found.get(next.row);
    if (known === undefined || before(next, known, own.split) < 0) found.set(next.row, next);
  };
  exactCopies(sets, suspect);
  const scale = scaleOf(own.points);
  const total = sets.reduce((sum, { keys }) => sum + keys.length, 0);
  const compared = sets.map(({ keys: { length } }) =>
    total <= COMPARED
      ? all(length)
      : drawn(length, Math.max(1, Math.floor(COMPARED * length / total)), random)
  );
  if (scale > 0) {
    await nearCopies(sets, compared, { threshold, scale, suspect, onPoints });
  }
  return {
    duplicates: [...found.values()].sort((a, b) => before(a, b, own.split) || a.row - b.row),
    scale,
    compared: compared.reduce((sum, rows) => sum + rows.length, 0),
    total,
  };
}

/** Leaks first, then the stronger, then the earlier. */
function before(a: Duplicate, b: Duplicate, own: string): number {
  const leak = Number(a.split === own) - Number(b.split === own);
  return leak || b.score - a.score || a.of_row - b.of_row;
}

function exactCopies(
  sets: readonly ComparedSamples[],
  suspect: (duplicate: Duplicate) => void,
): void {
  const [own] = sets;
  const copy = (row: number, split: string, of_row: number) =>
    suspect({ row, score: 1, split, of_row, exact: true, distance: 0 });
  const order = all(own!.keys.length).sort((a, b) =>
    compare(own!.keys[a]!, own!.keys[b]!) || a - b
  );
  for (let at = 1, first = 0; at < order.length; at++) {
    if (own!.keys[order[at]!] !== own!.keys[order[first]!]) first = at;
    else copy(order[at]!, own!.split, order[first]!);
  }
  for (const { split, keys } of sets.slice(1)) {
    keys.forEach((key, of_row) => {
      let at = lowerBound(own!.keys, order, key);
      for (; at < order.length && own!.keys[order[at]!] === key; at++) {
        copy(order[at]!, split, of_row);
      }
    });
  }
}

function lowerBound(keys: BigUint64Array, order: Int32Array, key: bigint): number {
  let [low, high] = [0, order.length];
  while (low < high) {
    const half = (low + high) >> 1;
    if (keys[order[half]!]! < key) low = half + 1;
    else high = half;
  }
  return low;
}

interface NearSearch {
  threshold: number;
  scale: number;
  suspect: (duplicate: Duplicate) => void;
  onPoints: (done: number, total: number) => Promise<void>;
}

async function nearCopies(
  sets: readonly ComparedSamples[],
  compared: readonly Int32Array[],
  { threshold, scale, suspect, onPoints }: NearSearch,
): Promise<void> {
  const axis = widestAxis(sets[0]!.points);
  const places = compared.flatMap((rows, set) => Array.from(rows, (row) => ({ set, row })));
  const along = ({ set, row }: { set: number; row: number }) => {
    const { width, values } = sets[set]!.points;
    return values[row * width + axis]!;
  };
  const swept = places.filter((place) => Number.isFinite(along(place)))
    .sort((a, b) => along(a) - along(b));
  const reach = threshold * scale;
  for (let at = 0; at < swept.length; at++) {
    if (at % TURN === 0) await onPoints(at, swept.length);
    const one = swept[at]!;
    for (let next = at + 1; next < swept.length; next++) {
      const other = swept[next]!;
      if (along(other) - along(one) > reach) break;
      if (one.set !== 0 && other.set !== 0) continue;
      const distance = within(
        sets[one.set]!.points,
        one.row,
        sets[other.set]!.points,
        other.row,
        reach,
      );
      if (distance === null) continue;
      // Of two samples of the split itself the later repeats the earlier.
      const [row, source] = other.set === 0 && (one.set !== 0 || other.row > one.row)
        ? [other.row, one]
        : [one.row, other];
      const units = distance / scale;
      const split = sets[source.set]!.split;
      suspect({ row, score: 1 - units, split, of_row: source.row, exact: false, distance: units });
    }
  }
  await onPoints(swept.length, swept.length);
}

/** Distance of two points; null where it is beyond reach, or not a number. */
function within(a: Points, one: number, b: Points, other: number, reach: number): number | null {
  const limit = reach * reach;
  let squares = 0;
  for (let at = 0; at < a.width; at++) {
    squares += (a.values[one * a.width + at]! - b.values[other * b.width + at]!) ** 2;
    if (!(squares <= limit)) return null;
  }
  return Math.sqrt(squares);
}

function variances({ count, width, values }: Points): Float64Array {
  const [sums, squares] = [new Float64Array(width), new Float64Array(width)];
  let finite = 0;
  for (let row = 0; row < count; row++) {
    const point = values.subarray(row * width, (row + 1) * width);
    if (!point.every(Number.isFinite)) continue;
    finite++;
    point.forEach((value, at) => {
      sums[at]! += value;
      squares[at]! += value * value;
    });
  }
  return squares.map((square, at) => Math.max(0, square / finite - (sums[at]! / finite) ** 2));
}

function scaleOf(points: Points): number {
  const scale = Math.sqrt(variances(points).reduce((sum, variance) => sum + variance, 0));
  return Number.isFinite(scale) ? scale : 0;
}

function widestAxis(points: Points): number {
  const spread = variances(points);
  return spread.indexOf(spread.reduce((most, value) => Math.max(most, value), 0));
}

function all(count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, row) => row);
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : Number(a > b);
}
