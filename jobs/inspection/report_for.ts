import type { ReportRecord, ReportSplit } from "../../runtime/protocol/report.ts";
import { resolveSelection, SelectionError } from "../../runtime/protocol/resolve_selection.ts";
import { clusterings, columnsNeeded, type Selection } from "../../runtime/protocol/selection.ts";
import { UnprocessableError } from "../errors.ts";
import type { LiveJob } from "../life/live_job.ts";
import { ReportStore } from "./report_store.ts";
import { scanReport } from "./scan_report.ts";

/** Where a selection is looked at: a report that there is, or a checkpoint. */
export interface SelectionPlace {
  split: ReportSplit;
  at: "now" | number;
  report?: number | undefined;
}

/**
 * A report that knows what a selection is about: the one named, one that was kept of that place, or
 * a new one.
 *
 * @throws {UnprocessableError} when the report that was named does not know it.
 */
export async function reportFor(
  job: LiveJob,
  selection: Selection,
  { split, at, report }: SelectionPlace,
  signal?: AbortSignal,
): Promise<ReportRecord> {
  const reports = new ReportStore(job.deps.artifacts);
  const lack = (record: ReportRecord) => lackOf(record, selection, split);
  if (report !== undefined) {
    const named = await reports.get(job.id, report);
    const lacks = lack(named);
    if (lacks === null) return named;
    throw new UnprocessableError("report", `report: number ${report} ${lacks}`);
  }
  const { step, take } = job.record.manifest;
  const stands = (record: ReportRecord) =>
    at === "now" ? record.step === step && record.take === take : record.checkpoint === at;
  const kept = (await reports.list(job.id)).find((record) =>
    stands(record) && lack(record) === null
  );
  if (kept !== undefined) return kept;
  const [clustering] = clusterings(selection);
  return await scanReport(job, at, {
    split,
    of: selection.of ?? "parent",
    training_mode: false,
    ...clustering === undefined ? {} : { embedding: { ...clustering, projection: "none" } },
  }, signal);
}

/** The rows of a report that a selection picks. @throws {UnprocessableError} for none. */
export async function pickRows(
  reports: ReportStore,
  record: ReportRecord,
  selection: Selection,
): Promise<Int32Array> {
  const needed = columnsNeeded(selection);
  const column = async <N extends "label" | "prediction" | "cluster">(name: N) =>
    needed.has(name) ? await reports.column(record, name) : null;
  try {
    return resolveSelection(selection, {
      count: record.samples,
      loss: needed.has("loss") ? await reports.column(record, "loss") : null,
      label: await column("label"),
      prediction: await column("prediction"),
      cluster: await column("cluster"),
    });
  } catch (error) {
    if (!(error instanceof SelectionError)) throw error;
    throw new UnprocessableError("selection", `selection: ${error.message}`);
  }
}

/** What a report lacks to answer for a selection; null when it can. */
function lackOf(record: ReportRecord, selection: Selection, split: ReportSplit): string | null {
  const of = selection.of ?? "parent";
  if (record.split !== split) return `is of ${record.split}, not ${split}`;
  if (split === "train" && record.of !== of) return `is of ${record.of}, the selection of ${of}`;
  if (record.training_mode) return "is in training mode";
  const [clustering] = clusterings(selection);
  if (clustering !== undefined) {
    const { embedding } = record;
    const { k, layer = null } = clustering;
    if (embedding?.k !== k || embedding.layer !== layer) {
      return `has no ${k} clusters${layer === null ? "" : ` of ${layer}`}`;
    }
  }
  const there = new Set<string>(record.columns.map(({ name }) => name));
  const chosen = record.classes !== null;
  const missing = [...columnsNeeded(selection)].find((name) => !there.has(name));
  // A model without classes has no labels however often it is scanned.
  return missing === undefined || (!chosen && missing !== "cluster") ? null : `has no ${missing}`;
}
