import { partsOf, quantileRanks, type Selection } from "../../runtime/protocol/selection.ts";
import { UnprocessableError } from "../errors.ts";

/**
 * Refuses what can be known of a selection before any loss is.
 *
 * @param size Samples that it is about; undefined until its data is loaded.
 * @throws {UnprocessableError} for samples that are not there or are given twice, and for none.
 */
export function checkSelection(selection: Selection, size: number | undefined): void {
  for (const part of partsOf(selection)) checkPart(part, size);
}

function checkPart(selection: Selection, size: number | undefined): void {
  switch (selection.kind) {
    case "indices":
      return checkIndices(selection.indices, size);
    case "hardest":
      if (size === undefined || selection.n <= size) return;
      throw refusal("selection.n", `${selection.n} are more than the ${size} samples there are`);
    case "kmeans":
      if (size === undefined || selection.k <= size) return;
      throw refusal("selection.k", `${selection.k} clusters of ${size} samples`);
    case "quantile": {
      if (size === undefined) return;
      const [first, end] = quantileRanks(selection, size);
      if (first === end) throw refusal("selection", `it picks none of ${size} samples`);
    }
  }
}

function checkIndices(indices: readonly number[], size = Infinity): void {
  const field = "selection.indices";
  const outside = indices.find((index) => index >= size);
  if (outside !== undefined) {
    const range = `the parent trains on ${size} samples, 0 to ${size - 1}`;
    throw refusal(field, `${outside} is out of range; ${range}`);
  }
  const seen = new Set<number>();
  for (const index of indices) {
    if (seen.has(index)) throw refusal(field, `${index} is given twice`);
    seen.add(index);
  }
}

function refusal(field: string, message: string): UnprocessableError {
  return new UnprocessableError(field, `${field}: ${message}`);
}
