import {
  type ReportRecord,
  type ReportRequest,
  ScanResult,
} from "../../runtime/protocol/report.ts";
import { CommandFailedError } from "../errors.ts";
import type { LiveJob } from "../life/live_job.ts";
import { useSideWorker } from "../life/side_worker.ts";
import { ReportStore } from "./report_store.ts";

/**
 * Scans samples at a checkpoint in a side worker, and keeps what it found as a report of the job.
 *
 * @param at A checkpoint's number; `now` saves one first.
 * @throws The signal's reason, once it has aborted: nothing is kept then.
 */
export async function scanReport(
  job: LiveJob,
  at: "now" | number,
  request: ReportRequest,
  signal?: AbortSignal,
): Promise<ReportRecord> {
  const reports = new ReportStore(job.deps.artifacts);
  const record = await useSideWorker(job, at === "now" ? null : at, async (side) => {
    const answer = await side.send("scan", { ...request, folder: side.folder });
    const { checkpoint, take, step, axis_step, epoch } = side.checkpoint;
    return await reports.keep({
      ...resultOf(answer),
      job: job.id,
      checkpoint,
      take,
      step,
      axis_step,
      epoch,
      dataset_hash: job.record.manifest.dataset?.hash ?? null,
      created_at: job.deps.clock(),
    }, side.folder);
  }, signal);
  const bytes = record.columns.reduce((sum, column) => sum + column.bytes, 0);
  const { split } = record;
  job.record.append("artifact_created", { name: `reports/${record.report}`, bytes, split });
  return record;
}

/** A module shares its worker's process: what comes from there is checked. */
function resultOf(answer: unknown): ScanResult {
  const { applied_at_step: _, epoch: _epoch, ...result } = answer as Record<string, unknown>;
  const parsed = ScanResult.safeParse(result);
  if (parsed.success) return parsed.data;
  throw new CommandFailedError("report_damaged", `the worker's answer: ${parsed.error.message}`);
}
