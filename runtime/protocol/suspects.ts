/** Suspects: samples, and groups of them, that somebody should look at before they are trained on. */
import { z } from "zod";
import { KEPT_RESULT } from "./kept_result.ts";
import { IndexBase, ReportSplit } from "./report.ts";

/** What a sample, or a group, can be suspected of. */
export const SuspectKind = z.enum(["mislabelled", "duplicates", "outliers", "slice"]);
/** What a sample, or a group, can be suspected of. */
export type SuspectKind = z.infer<typeof SuspectKind>;

/** Kinds that name single samples, and so can be selected or left out; a slice is a finding. */
export const SampleKind = SuspectKind.exclude(["slice"]);
/** A kind that names single samples. */
export type SampleKind = z.infer<typeof SampleKind>;

/** What labels were judged by; never predictions for samples that the model was trained on. */
export const LabelEvidence = z.enum(["out_of_fold", "training_dynamics"]);
/** What labels were judged by. */
export type LabelEvidence = z.infer<typeof LabelEvidence>;

/** What a search for suspects is asked for. */
export const SuspectsRequest = z.strictObject({
  split: ReportSplit.default("train"),
  of: IndexBase.default("parent")
    .describe("of the training split: the samples that the job trains on, or all"),
  kinds: z.array(SuspectKind).min(1).optional()
    .describe("what to look for; all that can be told of these samples when absent"),
  evidence: z.enum(["auto", ...LabelEvidence.options]).default("auto")
    .describe("mislabelled: what to judge labels by; auto trains folds where it can"),
  folds: z.number().int().min(2).max(20).default(5)
    .describe("mislabelled: parts, each judged by a model that was trained on the others"),
  steps: z.number().int().min(1).max(100_000).default(200)
    .describe("mislabelled: optimizer steps of each fold's model"),
  space: z.enum(["input", "embedding"]).default("input").describe("duplicates: where to compare"),
  threshold: z.number().min(0).max(1).default(0.05)
    .describe("duplicates: largest distance, in units of the samples' typical one from their mean"),
  neighbours: z.number().int().min(1).max(100).default(10)
    .describe("outliers: which neighbour's distance counts"),
  layer: z.string().max(200).optional().describe("of the embedding; as a report's"),
  k: z.union([z.number().int().min(1).max(1_000), z.literal("auto")]).default("auto")
    .describe("slice: clusters, as a report's"),
  seed: z.number().int().min(0).optional().describe("the job's when absent"),
});
/** What a search for suspects is asked for. */
export type SuspectsRequest = z.infer<typeof SuspectsRequest>;

/** A report that says how samples were trained: of one split and data, in inference mode. */
const ReportFolder = z.strictObject({
  report: z.number().int().min(1),
  step: z.number().int().min(0),
  /** Absolute path, as the worker sees it. */
  folder: z.string(),
});

/** What the worker is asked. */
export const SuspectsPayload = SuspectsRequest.extend({
  /** Folder that `items.jsonl` is written to. */
  folder: z.string(),
  /** Reports of these samples, the oldest step first. */
  reports: z.array(ReportFolder),
});
/** What the worker is asked. */
export type SuspectsPayload = z.infer<typeof SuspectsPayload>;

const count = z.number().int().min(0);
const figure = z.number().nullable();
const Evidence = z.record(z.string(), z.union([z.string().max(300), figure, z.boolean()]));

/** One suspect. */
export const SuspectItem = z.strictObject({
  /** Position in the split; null for a slice, which is many samples. */
  index: count.nullable(),
  /** Place among the samples that were looked at, as selections count; null for a slice. */
  row: count.nullable(),
  kind: SuspectKind,
  /** Larger is more suspect; to be compared within a kind only. */
  score: z.number(),
  evidence: Evidence,
});
/** One suspect. */
export type SuspectItem = z.infer<typeof SuspectItem>;

/** What was found of one kind, and how. */
export const SuspectFinding = z.strictObject({
  kind: SuspectKind,
  /** How many there are; those of the largest score are kept. */
  count,
  kept: count,
  /** How it was found, with its source. */
  method: z.string().max(500),
  /** What was measured on the way; for `mislabelled`, `evidence` among it. */
  figures: Evidence,
});
/** What was found of one kind. */
export type SuspectFinding = z.infer<typeof SuspectFinding>;

/** What the worker answers; the items lie in its folder. */
export const SuspectsResult = z.strictObject({
  split: ReportSplit,
  of: IndexBase,
  samples: count,
  seed: count,
  findings: z.array(SuspectFinding),
  /** What was not looked for and why, and what else a reader should know. */
  warnings: z.array(z.string().max(500)),
  class_names: z.array(z.string()).nullable(),
  file: z.strictObject({ bytes: count, sha256: z.string() }),
});
/** What the worker answers. */
export type SuspectsResult = z.infer<typeof SuspectsResult>;

/** A search for suspects as it is kept, and as the API shows it. */
export const SuspectsRecord = z.strictObject({
  ...SuspectsResult.shape,
  run: z.number().int().min(1),
  ...KEPT_RESULT,
});
/** A search for suspects as it is kept. */
export type SuspectsRecord = z.infer<typeof SuspectsRecord>;

/** Name of the file with the items, one JSON object a line. */
export const ITEMS_FILE = "items.jsonl";
