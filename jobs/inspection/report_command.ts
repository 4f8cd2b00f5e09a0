import type { ControlRequest } from "../control_plane.ts";
import { UnprocessableError } from "../errors.ts";
import { assertAllowed } from "../life/assert_allowed.ts";
import { checkpointOrThrow, type Outcome } from "../life/control_commands.ts";
import type { LiveJob } from "../life/live_job.ts";
import { scanReport } from "./scan_report.ts";

type Request = Extract<ControlRequest, { command: "report" }>;

/** Refuses a report that is known to come to nothing. */
export function checkReport(job: LiveJob, { split, at }: Pick<Request, "split" | "at">): void {
  assertAllowed(job, "report");
  if (at !== "now") checkpointOrThrow(job, at);
  const { dataset } = job.record.manifest;
  if (dataset === null || dataset[split] > 0) return;
  throw new UnprocessableError("split", `split: the job's data() gives no ${split} split`);
}

/** Scans a split; the answer is the report. */
export async function report(
  job: LiveJob,
  { at, split, of, training_mode, columns, embedding }: Request,
  signal?: AbortSignal,
): Promise<Outcome> {
  const request = { split, of, training_mode, columns, embedding };
  const record = await scanReport(job, at, request, signal);
  return { applied_at_step: record.step, ...record };
}
