import { type SuspectsRecord, SuspectsResult } from "../../runtime/protocol/suspects.ts";
import type { ControlRequest } from "../control_plane.ts";
import { CommandFailedError, UnprocessableError } from "../errors.ts";
import type { Outcome } from "../life/control_commands.ts";
import type { LiveJob } from "../life/live_job.ts";
import { useSideWorker } from "../life/side_worker.ts";
import { checkReport } from "./report_command.ts";
import { ReportStore } from "./report_store.ts";
import { comparableReports } from "./sample_history.ts";
import { SuspectStore } from "./suspect_store.ts";

type Request = Extract<ControlRequest, { command: "suspects" }>;

/** Refuses a search that is known to come to nothing. */
export function checkSuspects(job: LiveJob, request: Request): void {
  checkReport(job, request);
}

/**
 * Looks for suspects in a side worker, and keeps what it found; the answer is the record.
 *
 * @throws {UnprocessableError} for a kind that was named and that nothing can tell.
 */
export async function suspects(
  job: LiveJob,
  { command: _, at, ...request }: Request,
  signal?: AbortSignal,
): Promise<Outcome> {
  const { artifacts, clock } = job.deps;
  const reports = await trainingReports(job, request);
  const { id: _id, ...asked } = request as typeof request & { id?: string };
  const record = await useSideWorker(job, at === "now" ? null : at, async (side) => {
    const answer = await side.send("suspects", { ...asked, reports, folder: side.folder })
      .catch(refused);
    const { checkpoint, take, step, axis_step, epoch } = side.checkpoint;
    return await new SuspectStore(artifacts).keep({
      ...resultOf(answer),
      job: job.id,
      checkpoint,
      take,
      step,
      axis_step,
      epoch,
      dataset_hash: job.record.manifest.dataset?.hash ?? null,
      created_at: clock(),
    }, side.folder);
  }, signal);
  const { split, file: { bytes } } = record;
  job.record.append("artifact_created", { name: `suspects/${record.run}`, bytes, split });
  return { applied_at_step: record.step, ...record };
}

/** Reports that saw the samples trained: past the first step, with what labels are judged by. */
async function trainingReports(job: LiveJob, { split, of }: Pick<SuspectsRecord, "split" | "of">) {
  if (split !== "train") return [];
  const store = new ReportStore(job.deps.artifacts);
  const hash = job.record.manifest.dataset?.hash ?? null;
  return comparableReports(await store.list(job.id), split, of)
    .filter(({ axis_step, dataset_hash, columns }) => {
      const there = new Set<string>(columns.map(({ name }) => name));
      const judged = ["label", "prediction", "margin"].every((name) => there.has(name));
      return axis_step > 0 && dataset_hash === hash && judged;
    })
    .map((record) => ({
      report: record.report,
      step: record.step,
      folder: store.folder(record),
    }));
}

function refused(error: unknown): never {
  if (!(error instanceof CommandFailedError) || error.code !== "no_evidence") throw error;
  const field = /^(evidence|folds|mislabelled|layer|embedding):/.exec(error.message)?.[1];
  throw new UnprocessableError(
    field === undefined || field === "mislabelled" ? "kinds" : field,
    error.message,
  );
}

/** A module shares its worker's process: what comes from there is checked. */
function resultOf(answer: unknown): SuspectsResult {
  const { applied_at_step: _, epoch: _epoch, ...result } = answer as Record<string, unknown>;
  const parsed = SuspectsResult.safeParse(result);
  if (parsed.success) return parsed.data;
  throw new CommandFailedError("suspects_damaged", `the worker's answer: ${parsed.error.message}`);
}
