import type { RandomStream } from "../determinism/rng.ts";

/** Points of a space, row after row: `values` is [count, width]. */
export interface Points {
  count: number;
  width: number;
  values: Float32Array;
}

/** The points at these positions, as the libraries take them. */
export function rowsOf({ width, values }: Points, positions: ArrayLike<number>): number[][] {
  return Array.from(
    positions,
    (position) => Array.from(values.subarray(position * width, (position + 1) * width)),
  );
}

/** At most `most` positions of `count`, ascending, drawn without putting back. */
export function drawn(count: number, most: number, random: RandomStream): Int32Array {
  const all = Int32Array.from({ length: count }, (_, position) => position);
  if (count <= most) return all;
  random.shuffle(all);
  return all.slice(0, most).sort();
}
