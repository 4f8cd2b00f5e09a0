// @ts-check
import { decimal, whole } from "./figures.js";
/** @typedef {import("../jobs/job.ts").StoredSelection} StoredSelection */

/**
 * A selection in words: `loss quantile 0.8–1`.
 * @param {StoredSelection} selection
 * @returns {string}
 */
export function selectionText(selection) {
  switch (selection.kind) {
    case "all":
      return "all";
    case "quantile":
      return `loss quantile ${decimal(selection.from)}–${decimal(selection.to)}`;
    case "hardest":
      return `hardest ${whole(selection.n)}`;
    case "region":
      return `loss ${end(selection.from, "−∞")}–${end(selection.to, "∞")}`;
    case "misclassified":
      return "misclassified";
    case "label":
      return `label ${selection.labels.join(", ")}`;
    case "kmeans":
      return `cluster ${selection.clusters.join(", ")} of ${selection.k}`;
    case "not":
      return `not (${selectionText(selection.selection)})`;
    case "and":
    case "or":
      return selection.selections.map((part) => `(${selectionText(part)})`).join(
        ` ${selection.kind} `,
      );
    case "suspects":
      return `suspects${selection.kinds === undefined ? "" : `: ${selection.kinds.join(", ")}`}`;
    case "rule":
      return `a rule with ${whole(selection.count)} by index`;
    case "indices":
      return `${whole("count" in selection ? selection.count : selection.indices.length)} by index`;
  }
}

/** @param {number | undefined} value @param {string} none */
function end(value, none) {
  return value === undefined ? none : decimal(value);
}
