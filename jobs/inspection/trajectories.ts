import type { ReportRecord } from "../../runtime/protocol/report.ts";
import type { ReportStore } from "./report_store.ts";
import { comparableReports } from "./sample_history.ts";

/** Reports that a trajectory goes back over at most. */
const MOST_REPORTS = 40;

/** How the losses of some samples moved over the job's reports, oldest first. */
export interface Trajectories {
  steps: number[];
  /** A list for each sample that was asked for; what is not finite is null. */
  losses: (number | null)[][];
}

/** The losses of these rows of a report, in it and in those that it can be compared with. */
export async function trajectories(
  reports: ReportStore,
  record: ReportRecord,
  rows: readonly number[],
): Promise<Trajectories> {
  const alike = comparableReports(await reports.list(record.job), record.split, record.of);
  const scans = alike.some(({ report }) => report === record.report) ? alike : [record];
  const recent = scans.slice(-MOST_REPORTS);
  const losses: (number | null)[][] = rows.map(() => []);
  for (const scan of recent) {
    const values = await reports.values(scan, "loss", Int32Array.from(rows));
    values.forEach((value, at) => losses[at]!.push(Number.isFinite(value) ? value : null));
  }
  return { steps: recent.map(({ step }) => step), losses };
}
