import type { Selection } from "../../runtime/protocol/selection.ts";
import { UnprocessableError } from "../errors.ts";
import type { ImproveRequest, PlannedChild } from "./improve_request.ts";

/**
 * What each child of a round trains on. Rules are about the whole training split unless they say
 * otherwise, so that a round that begins at a specialist does not only see its samples.
 *
 * @throws {UnprocessableError} for a rule that is missing, is there twice, or cannot be cut.
 */
export function plannedChildren({ selection, children }: ImproveRequest): PlannedChild[] {
  if (typeof children !== "number") {
    if (selection !== undefined) {
      throw refusal("selection", "each of children has its own; leave one of the two out");
    }
    return children.map((child) => ({ ...child, selection: ofAll(child.selection) }));
  }
  if (selection === undefined) {
    throw refusal("selection", 'it is missing; such as {"kind": "quantile", "from": 0, "to": 1}');
  }
  return cut(ofAll(selection), children).map((part) => ({ selection: part }));
}

function ofAll(selection: Selection): Selection {
  return { ...selection, of: selection.of ?? "all" };
}

/** A quantile in shares of one size; clusters and labels dealt out one by one. */
function cut(rule: Selection, parts: number): Selection[] {
  switch (rule.kind) {
    case "quantile": {
      const width = (rule.to - rule.from) / parts;
      // Neighbours share one figure, so that no sample falls between them.
      const ends = Array.from({ length: parts + 1 }, (_, i) => rule.from + i * width);
      ends[parts] = rule.to;
      return Array.from({ length: parts }, (_, i) => ({
        ...rule,
        from: ends[i]!,
        to: ends[i + 1]!,
      }));
    }
    case "label":
      return dealt(rule.labels, parts, "labels").map((labels) => ({ ...rule, labels }));
    case "kmeans":
      return dealt(rule.clusters, parts, "clusters").map((clusters) => ({ ...rule, clusters }));
    default:
      throw refusal(
        "selection",
        `${rule.kind} cannot be cut into ${parts}; give children as a list, each with its selection`,
      );
  }
}

function dealt(given: readonly number[], parts: number, what: string): number[][] {
  const members = [...new Set(given)];
  if (members.length < parts) {
    throw refusal("selection", `${members.length} ${what} for ${parts} children`);
  }
  return Array.from(
    { length: parts },
    (_, part) => members.filter((_, index) => index % parts === part),
  );
}

function refusal(field: string, message: string): UnprocessableError {
  return new UnprocessableError(field, `${field}: ${message}`);
}
