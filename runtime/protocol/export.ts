/** Exports of samples: what is asked for, and what is kept beside the file. */
import { z } from "zod";
import { COLUMN_NAMES, IndexBase, ReportSplit } from "./report.ts";
import { Selection } from "./selection.ts";

/** Formats of an export; `arrow` is the file format, which is feather v2 as well. */
export const ExportFormat = z.enum(["parquet", "arrow", "csv", "jsonl"]);
/** Format of an export. */
export type ExportFormat = z.infer<typeof ExportFormat>;

/** What the worker is asked to write. Paths are absolute, as it sees them. */
export const ExportPayload = z.strictObject({
  selection: Selection,
  split: ReportSplit,
  /** The report's folder: a file a column. */
  report: z.string(),
  columns: z.array(z.enum(COLUMN_NAMES as [typeof COLUMN_NAMES[number]])),
  samples: z.number().int().min(0),
  format: ExportFormat,
  /** The inputs of each sample too, a column a number. */
  features: z.boolean(),
  /** Folder that the file `samples.<format>` is written to. */
  folder: z.string(),
});
/** What the worker is asked to write. */
export type ExportPayload = z.infer<typeof ExportPayload>;

/** What the worker wrote. */
export const ExportResult = z.strictObject({
  rows: z.number().int().min(0),
  columns: z.array(z.string()),
});
/** What the worker wrote. */
export type ExportResult = z.infer<typeof ExportResult>;

/** The manifest of an export: what the file is of. */
export const ExportManifest = z.strictObject({
  export: z.number().int().min(1),
  job: z.string(),
  name: z.string(),
  format: ExportFormat,
  bytes: z.number().int(),
  sha256: z.string(),
  ...ExportResult.shape,
  features: z.boolean(),
  /** Names the rule: SHA-256 of what `GET /jobs/{id}/selections/{sha256}` answers. */
  selection: z.string(),
  split: ReportSplit,
  of: IndexBase,
  dataset_hash: z.string().nullable(),
  report: z.number().int(),
  checkpoint: z.number().int(),
  step: z.number().int(),
  axis_step: z.number().int(),
  class_names: z.array(z.string()).nullable(),
  created_at: z.number(),
});
/** The manifest of an export. */
export type ExportManifest = z.infer<typeof ExportManifest>;
