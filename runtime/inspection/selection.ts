import { quantileRanks, type Selection } from "../protocol/selection.ts";

/** A selection that picks nothing, or samples that are not there. */
export class SelectionError extends Error {
  override name = "SelectionError";
}

/** Whether a selection ranks samples by their loss. */
export function needsLosses({ kind }: Selection): boolean {
  return kind === "quantile" || kind === "hardest";
}

/**
 * The training samples that a selection picks, as ascending positions in [0, count).
 *
 * Losses rank ascending by (loss, index), NaN last. A quantile takes its share of the ranks
 * ({@linkcode quantileRanks}); the hardest n are the last n.
 *
 * @param losses One a sample, in order; null where {@linkcode needsLosses} says so.
 * @param count Training samples there are.
 * @throws {SelectionError} for nothing picked, and for positions out of range or given twice.
 */
export function resolveSelection(
  selection: Selection,
  losses: Float32Array | null,
  count: number,
): Int32Array {
  const picked = pick(selection, losses, count).sort();
  if (picked.length === 0) {
    throw new SelectionError(`the selection picks none of ${count} training samples`);
  }
  return picked;
}

function pick(selection: Selection, losses: Float32Array | null, count: number): Int32Array {
  switch (selection.kind) {
    case "all":
      return positionsBelow(count);
    case "indices":
      return checkedIndices(selection.indices, count);
    case "quantile":
      return ranking(losses, count).subarray(...quantileRanks(selection, count));
    case "hardest":
      if (selection.n > count) {
        throw new SelectionError(`the hardest ${selection.n} of ${count} training samples`);
      }
      return ranking(losses, count).subarray(count - selection.n);
  }
}

function positionsBelow(count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, position) => position);
}

function checkedIndices(indices: readonly number[], count: number): Int32Array {
  const seen = new Set<number>();
  for (const index of indices) {
    if (!Number.isInteger(index) || index < 0 || index >= count) {
      throw new SelectionError(`index ${index} is out of range: there are ${count} samples`);
    }
    if (seen.has(index)) throw new SelectionError(`index ${index} is given twice`);
    seen.add(index);
  }
  return Int32Array.from(indices);
}

/** Positions from the smallest loss to the largest, then those whose loss is NaN. */
function ranking(losses: Float32Array | null, count: number): Int32Array {
  if (losses === null || losses.length !== count) {
    throw new SelectionError(`${losses?.length ?? "no"} losses for ${count} training samples`);
  }
  return positionsBelow(count).sort((a, b) => {
    const [lossA, lossB] = [losses[a]!, losses[b]!];
    if (lossA < lossB) return -1;
    if (lossA > lossB) return 1;
    return Number(Number.isNaN(lossA)) - Number(Number.isNaN(lossB)) || a - b;
  });
}
