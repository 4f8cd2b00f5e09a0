import { PCA } from "ml-pca";
import { UMAP } from "umap-js";
import type { RandomStream } from "../determinism/rng.ts";
import { drawn, type Points, rowsOf } from "./points.ts";

/** Points that a projection is fitted on; the rest is laid out by what was learned. */
const FITTED = 2_000;
const ROWS_AT_ONCE = 10_000;

/** Two coordinates a point; NaN for one that is not finite. */
export interface Plane {
  x: Float32Array;
  y: Float32Array;
}

/**
 * Lays points out in a plane: `pca` by the two directions of largest variance, `umap` by neighbours
 * (L. McInnes et al., 2018). The same stream gives the same plane.
 */
export function projectPoints(
  points: Points,
  how: "pca" | "umap",
  random: RandomStream,
): Plane {
  const plane = {
    x: new Float32Array(points.count).fill(NaN),
    y: new Float32Array(points.count).fill(NaN),
  };
  const finite = Int32Array.from({ length: points.count }, (_, position) => position)
    .filter((position) => rowsOf(points, [position])[0]!.every(Number.isFinite));
  if (finite.length < 3) {
    finite.forEach((position, at) => [plane.x[position], plane.y[position]] = [at, 0]);
    return plane;
  }
  const fitted = drawn(finite.length, FITTED, random).map((at) => finite[at]!);
  const place = how === "pca"
    ? pcaOf(rowsOf(points, fitted))
    : umapOf(rowsOf(points, fitted), random);
  for (let first = 0; first < finite.length; first += ROWS_AT_ONCE) {
    const some = finite.subarray(first, first + ROWS_AT_ONCE);
    place(rowsOf(points, some)).forEach(([x = 0, y = 0], at) => {
      plane.x[some[at]!] = x;
      plane.y[some[at]!] = y;
    });
  }
  return plane;
}

type Place = (rows: number[][]) => number[][];

function pcaOf(rows: number[][]): Place {
  const pca = new PCA(rows);
  const nComponents = Math.min(2, rows[0]!.length);
  return (some) => pca.predict(some, { nComponents }).to2DArray();
}

function umapOf(rows: number[][], random: RandomStream): Place {
  const nNeighbors = Math.min(15, rows.length - 1);
  const umap = new UMAP({ nComponents: 2, nNeighbors, random: () => random.next() });
  const placed = umap.fit(rows);
  const known = new Map(rows.map((row, at) => [row.join(), placed[at]!]));
  return (some) => {
    const others = some.filter((row) => !known.has(row.join()));
    const transformed = others.length === 0 ? [] : umap.transform(others);
    others.forEach((row, at) => known.set(row.join(), transformed[at]!));
    return some.map((row) => known.get(row.join())!);
  };
}
