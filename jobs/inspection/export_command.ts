import { join } from "node:path";
import { type ExportManifest, ExportResult } from "../../runtime/protocol/export.ts";
import type { ControlRequest } from "../control_plane.ts";
import { CommandFailedError } from "../errors.ts";
import type { Outcome } from "../life/control_commands.ts";
import type { LiveJob } from "../life/live_job.ts";
import { useSideWorker } from "../life/side_worker.ts";
import { fileSha256 } from "../storage/file_sha256.ts";
import { exportsOf } from "./exports.ts";
import { checkReport } from "./report_command.ts";
import { pickRows, reportFor } from "./report_for.ts";
import { ReportStore } from "./report_store.ts";
import { keepRule, ruleOf } from "./stored_selection.ts";

type Request = Extract<ControlRequest, { command: "export" }>;

/** Refuses an export of what is known not to be there. */
export function checkExport(job: LiveJob, request: Request): void {
  checkReport(job, request);
}

/** Writes what a selection picks to a file that is kept; the answer is its manifest. */
export async function exportSamples(
  job: LiveJob,
  { selection: given, format, features, ...place }: Request,
  signal?: AbortSignal,
): Promise<Outcome> {
  const { artifacts, clock } = job.deps;
  const selection = await ruleOf(job, given, place.split);
  const record = await reportFor(job, selection, place, signal);
  const reports = new ReportStore(artifacts);
  await pickRows(reports, record, selection);
  const { dataset_hash, split, samples } = record;
  const of = selection.of ?? "parent";
  const rule = await keepRule(job, { selection, split, of, dataset_hash });
  // Any checkpoint will do: an export reads the report and the data, not the model.
  const newest = Math.max(...job.record.checkpoints.keys());
  const columns = record.columns.map(({ name }) => name);
  const manifest = await useSideWorker(
    job,
    Number.isFinite(newest) ? newest : null,
    async (side) => {
      const report = reports.folder(record);
      const { folder } = side;
      const asked = { selection, split, report, columns, samples, format, features, folder };
      const { rows, columns: names } = resultOf(await side.send("export_subset", asked));
      const name = `samples.${format}`;
      const path = join(side.folder, name);
      const { isFile, size: bytes } = await Deno.lstat(path);
      if (!isFile) throw new CommandFailedError("export_damaged", `${name} is no file`);
      const facts: Omit<ExportManifest, "export"> = {
        job: job.id,
        name,
        format,
        bytes,
        sha256: await fileSha256(path),
        rows,
        columns: names,
        features,
        selection: rule,
        split,
        of,
        dataset_hash,
        report: record.report,
        checkpoint: record.checkpoint,
        step: record.step,
        axis_step: record.axis_step,
        class_names: record.class_names,
        created_at: clock(),
      };
      return await exportsOf(artifacts).add(
        job.id,
        side.folder,
        [name],
        (number) => ({ export: number, ...facts }),
      );
    },
    signal,
  );
  const { bytes } = manifest;
  job.record.append("artifact_created", { name: `exports/${manifest.export}`, bytes });
  return { applied_at_step: manifest.step, ...manifest };
}

function resultOf(answer: unknown): ExportResult {
  const { applied_at_step: _, epoch: _epoch, ...result } = answer as Record<string, unknown>;
  const parsed = ExportResult.safeParse(result);
  if (parsed.success) return parsed.data;
  throw new CommandFailedError("export_damaged", `the worker's answer: ${parsed.error.message}`);
}
