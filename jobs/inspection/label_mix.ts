import type { ReportRecord } from "../../runtime/protocol/report.ts";
import type { ReportStore } from "./report_store.ts";

/** Labels that a mix lists. */
const MOST_LABELS = 200;

/** The labels of some samples, most frequent first; `accuracy` is null where there are none. */
export interface LabelMix {
  accuracy: number | null;
  labels: { value: number; name: string | null; count: number }[];
}

/** Which labels some rows of a report have, and how many of them the model gets right. */
export async function labelMix(
  reports: ReportStore,
  record: ReportRecord,
  rows: Int32Array,
): Promise<LabelMix> {
  const label = await reports.column(record, "label");
  if (label === null) return { accuracy: null, labels: [] };
  const prediction = await reports.column(record, "prediction");
  const counts = new Map<number, number>();
  let right = 0;
  for (const row of rows) {
    const value = label[row]!;
    counts.set(value, (counts.get(value) ?? 0) + 1);
    if (prediction?.[row] === value) right++;
  }
  const labels = [...counts].sort(([a, one], [b, two]) => two - one || a - b).slice(0, MOST_LABELS)
    .map(([value, count]) => ({ value, name: record.class_names?.[value] ?? null, count }));
  return { accuracy: prediction === null ? null : right / rows.length, labels };
}
