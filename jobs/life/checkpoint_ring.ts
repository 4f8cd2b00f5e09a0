import type { CheckpointRecord } from "../job.ts";

/**
 * The checkpoints that a ring of `keep` drops: all but the newest `keep`. Pinned ones, and the
 * newest of each label, take no place in it; `held` ones, which something still needs, wait for the
 * next time.
 */
export function beyondRing(
  records: Iterable<CheckpointRecord>,
  keep: number,
  held: Pick<ReadonlySet<number>, "has"> = new Set(),
): CheckpointRecord[] {
  const newestFirst = [...records].sort((a, b) => b.checkpoint - a.checkpoint);
  const labels = new Set<string>();
  const newestOfLabel = ({ label }: CheckpointRecord) => {
    if (label === null || labels.has(label)) return false;
    labels.add(label);
    return true;
  };
  return newestFirst
    .filter((record) => !newestOfLabel(record) && record.pinned_by.length === 0)
    .slice(keep)
    .filter((record) => !held.has(record.checkpoint));
}
