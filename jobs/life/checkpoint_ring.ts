import type { CheckpointRecord } from "../job.ts";

/**
 * The checkpoints that a ring of `keep` drops: all unpinned ones but the newest `keep`. Pinned ones
 * take no place in it, and `held` ones, which something still needs, wait for the next time.
 */
export function beyondRing(
  records: Iterable<CheckpointRecord>,
  keep: number,
  held: ReadonlySet<number> = new Set(),
): CheckpointRecord[] {
  return [...records]
    .filter((record) => record.pinned_by.length === 0)
    .sort((a, b) => b.checkpoint - a.checkpoint)
    .slice(keep)
    .filter((record) => !held.has(record.checkpoint));
}
