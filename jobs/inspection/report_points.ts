import type { ColumnName, ReportRecord } from "../../runtime/protocol/report.ts";
import type { ReportStore } from "./report_store.ts";

/** What a picture of a report shows of each sample. */
const DRAWN = ["loss", "label", "cluster", "x", "y"] as const satisfies readonly ColumnName[];

/** Samples of a report column by column; what is not finite is null. */
export interface ReportPoints {
  /** How many the report has. */
  samples: number;
  /** Places in the report of those that are here, ascending. */
  rows: number[];
  columns: { [C in (typeof DRAWN)[number]]?: (number | null)[] };
}

/** Every sample of a report, or `most` of them evenly spaced over it: enough to draw. */
export async function reportPoints(
  reports: ReportStore,
  record: ReportRecord,
  most: number,
): Promise<ReportPoints> {
  const drawn = Math.min(most, record.samples);
  const rows = Array.from({ length: drawn }, (_, at) => Math.floor(at * record.samples / drawn));
  const columns: ReportPoints["columns"] = {};
  for (const name of DRAWN) {
    const values = await reports.column(record, name);
    if (values === null) continue;
    columns[name] = rows.map((row) => Number.isFinite(values[row]) ? values[row]! : null);
  }
  return { samples: record.samples, rows, columns };
}
