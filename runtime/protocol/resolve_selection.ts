import { rank } from "./ranking.ts";
import { columnsNeeded, quantileRanks, type Selection, type SelectionColumn } from "./selection.ts";

/** A selection that picks nothing, or samples that are not there, or needs what is not known. */
export class SelectionError extends Error {
  override name = "SelectionError";
}

/** What is known of the samples that a selection is about, a value a sample, in their order. */
export interface SampleTable {
  count: number;
  loss?: Float32Array | null;
  label?: Int32Array | null;
  prediction?: Int32Array | null;
  cluster?: Int32Array | null;
}

/** Why a column is missing, to whoever asked for it. */
const LACKS: Record<SelectionColumn, string> = {
  loss: "no losses are known",
  label: "the samples have no labels: the loss tells no classes apart",
  prediction: "the model predicts no classes",
  cluster: "no clusters are known",
};

/**
 * The samples that a selection picks, as ascending positions in [0, count).
 *
 * Losses rank ascending by (loss, index), NaN last. A quantile takes its share of the ranks
 * ({@linkcode quantileRanks}); the hardest n are the last n.
 *
 * @throws {SelectionError} for nothing picked, for positions out of range or given twice, and for a
 * rule about what the table does not have.
 */
export function resolveSelection(selection: Selection, table: SampleTable): Int32Array {
  for (const name of columnsNeeded(selection)) {
    const column = table[name];
    if (column == null) throw new SelectionError(`${selection.kind}: ${LACKS[name]}`);
    if (column.length === table.count) continue;
    throw new SelectionError(`${column.length} values of ${name} for ${table.count} samples`);
  }
  const picked = Int32Array.from(positions(pick(selection, table)));
  if (picked.length > 0) return picked;
  throw new SelectionError(`the selection picks none of ${table.count} training samples`);
}

/** One flag a sample. */
type Flags = Uint8Array;

function pick(selection: Selection, table: SampleTable): Flags {
  const { count } = table;
  const [loss, label, prediction] = [table.loss!, table.label!, table.prediction!];
  switch (selection.kind) {
    case "all":
      return new Uint8Array(count).fill(1);
    case "indices":
      return flagged(checkedIndices(selection.indices, count), count);
    case "quantile":
      return flagged(rank(loss).subarray(...quantileRanks(selection, count)), count);
    case "hardest":
      if (selection.n > count) {
        throw new SelectionError(`the hardest ${selection.n} of ${count} training samples`);
      }
      return flagged(rank(loss).subarray(count - selection.n), count);
    case "region": {
      const { from = -Infinity, to = Infinity } = selection;
      return where(count, (at) => loss[at]! >= from && loss[at]! < to);
    }
    case "misclassified":
      return where(count, (at) => label[at] !== prediction[at]);
    case "label": {
      const wanted = new Set(selection.labels);
      return where(count, (at) => wanted.has(label[at]!));
    }
    case "kmeans": {
      const wanted = new Set(selection.clusters);
      return where(count, (at) => wanted.has(table.cluster![at]!));
    }
    case "suspects":
      if (selection.indices === undefined) {
        throw new SelectionError("suspects: which samples they are has not been looked up");
      }
      return flagged(checkedIndices(selection.indices, count), count);
    case "not": {
      const without = pick(selection.selection, table);
      return where(count, (at) => without[at] === 0);
    }
    case "and":
    case "or": {
      const parts = selection.selections.map((part) => pick(part, table));
      return selection.kind === "and"
        ? where(count, (at) => parts.every((flags) => flags[at] === 1))
        : where(count, (at) => parts.some((flags) => flags[at] === 1));
    }
  }
}

function where(count: number, test: (at: number) => boolean): Flags {
  const flags = new Uint8Array(count);
  for (let at = 0; at < count; at++) flags[at] = Number(test(at));
  return flags;
}

function flagged(picked: Iterable<number>, count: number): Flags {
  const flags = new Uint8Array(count);
  for (const position of picked) flags[position] = 1;
  return flags;
}

function* positions(flags: Flags): Generator<number> {
  for (let at = 0; at < flags.length; at++) if (flags[at] === 1) yield at;
}

function checkedIndices(indices: readonly number[], count: number): readonly number[] {
  const seen = new Set<number>();
  for (const index of indices) {
    if (!Number.isInteger(index) || index < 0 || index >= count) {
      throw new SelectionError(`index ${index} is out of range: there are ${count} samples`);
    }
    if (seen.has(index)) throw new SelectionError(`index ${index} is given twice`);
    seen.add(index);
  }
  return indices;
}
