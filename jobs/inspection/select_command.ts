import { describe } from "../../runtime/protocol/distribution.ts";
import type { ControlRequest } from "../control_plane.ts";
import type { Outcome } from "../life/control_commands.ts";
import type { LiveJob } from "../life/live_job.ts";
import { countSuspects } from "./known_suspects.ts";
import { checkReport } from "./report_command.ts";
import { pickRows, reportFor } from "./report_for.ts";
import { ReportStore } from "./report_store.ts";
import { labelMix } from "./label_mix.ts";
import { keepRule, ruleOf } from "./stored_selection.ts";

type Request = Extract<ControlRequest, { command: "selection" }>;

/** Refuses a selection of what is known not to be there. */
export function checkSelect(job: LiveJob, request: Request): void {
  checkReport(job, request);
}

/** Says what a selection picks, and keeps it. */
export async function select(
  job: LiveJob,
  { selection: given, ...place }: Request,
  signal?: AbortSignal,
): Promise<Outcome> {
  const selection = await ruleOf(job, given, place.split);
  const record = await reportFor(job, selection, place, signal);
  const reports = new ReportStore(job.deps.artifacts);
  const rows = await pickRows(reports, record, selection);
  const losses = (await reports.column(record, "loss"))!;
  const { dataset_hash, split, samples, report, checkpoint, step } = record;
  const of = selection.of ?? "parent";
  return {
    applied_at_step: step,
    sha256: await keepRule(job, { selection, split, of, dataset_hash }),
    split,
    of,
    dataset_hash,
    report,
    checkpoint,
    step,
    samples,
    count: rows.length,
    share: rows.length / samples,
    loss: describe(Float32Array.from(rows, (row) => losses[row]!)),
    ...await labelMix(reports, record, rows),
    suspects: await countSuspects(job, { split, of }, rows),
  };
}
