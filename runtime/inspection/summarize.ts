import { describe } from "../protocol/distribution.ts";
import type { ReportSummary, SampleCluster, SampleGroup } from "../protocol/report.ts";

/** Labels that a summary lists. */
const MOST_GROUPS = 200;

/** Columns that a summary is made of, a value a sample. */
export interface SummaryColumns {
  loss: Float32Array;
  label: Int32Array | null;
  prediction: Int32Array | null;
}

/** What a report says as a whole. */
export function summarize(
  { loss, label, prediction }: SummaryColumns,
  names: readonly string[] | null,
): ReportSummary {
  const known = label !== null && prediction !== null;
  return {
    loss: describe(loss),
    accuracy: known ? shareRight(label, prediction) : null,
    labels: label === null
      ? []
      : groupsOf(label, loss, known ? { label, prediction } : null, names),
  };
}

/** The clusters of samples, in their own order; those of none (-1) are left out. */
export function describeClusters(
  cluster: Int32Array,
  { loss, label, prediction }: SummaryColumns,
  names: readonly string[] | null,
): SampleCluster[] {
  const classes = label !== null && prediction !== null ? { label, prediction } : null;
  return groupsOf(cluster, loss, classes, null)
    .filter(({ value }) => value >= 0)
    .sort((a, b) => a.value - b.value)
    .map(({ name: _, ...group }) => ({
      ...group,
      labels: label === null ? [] : labelsWithin(label, cluster, group.value, names),
    }));
}

function labelsWithin(
  label: Int32Array,
  cluster: Int32Array,
  wanted: number,
  names: readonly string[] | null,
): SampleCluster["labels"] {
  const counts = new Map<number, number>();
  label.forEach((value, at) => {
    if (cluster[at] === wanted) counts.set(value, (counts.get(value) ?? 0) + 1);
  });
  return [...counts].sort(([a, one], [b, two]) => two - one || a - b).slice(0, 5)
    .map(([value, count]) => ({ value, name: names?.[value] ?? null, count }));
}

/** The samples of each value, most frequent first. */
export function groupsOf(
  values: Int32Array,
  loss: Float32Array,
  classes: { label: Int32Array; prediction: Int32Array } | null,
  names: readonly string[] | null,
): SampleGroup[] {
  const sums = new Map<number, { count: number; finite: number; loss: number; right: number }>();
  values.forEach((value, at) => {
    const group = sums.get(value) ?? { count: 0, finite: 0, loss: 0, right: 0 };
    sums.set(value, group);
    group.count++;
    if (classes?.label[at] === classes?.prediction[at]) group.right++;
    if (!Number.isFinite(loss[at])) return;
    group.finite++;
    group.loss += loss[at]!;
  });
  return [...sums].sort(([a, one], [b, two]) => two.count - one.count || a - b)
    .slice(0, MOST_GROUPS)
    .map(([value, group]) => ({
      value,
      name: names?.[value] ?? null,
      count: group.count,
      mean_loss: group.finite === 0 ? null : group.loss / group.finite,
      accuracy: classes === null ? null : group.right / group.count,
    }));
}

function shareRight(label: Int32Array, prediction: Int32Array): number | null {
  if (label.length === 0) return null;
  const right = label.reduce((sum, value, at) => sum + Number(value === prediction[at]), 0);
  return right / label.length;
}
