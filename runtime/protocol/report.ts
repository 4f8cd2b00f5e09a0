/** Per-sample reports: what is asked of a scan, what it answers, and the columns it keeps. */
import { z } from "zod";
import { KEPT_RESULT } from "./kept_result.ts";
import { Distribution } from "./distribution.ts";

/** Splits that can be scanned. */
export const ReportSplit = z.enum(["train", "val", "test"]);
/** A split that can be scanned. */
export type ReportSplit = z.infer<typeof ReportSplit>;

/**
 * What is known of a sample, one file a column of 4-byte little-endian values in the report's order.
 * `original` is the position in the dataset that `split()` dealt out; `margin` the probability of
 * the label less the largest of the others; `el2n` the length of (probabilities - one-hot label).
 */
export const COLUMNS = {
  index: "i32",
  original: "i32",
  loss: "f32",
  label: "i32",
  prediction: "i32",
  confidence: "f32",
  margin: "f32",
  el2n: "f32",
  cluster: "i32",
  x: "f32",
  y: "f32",
} as const satisfies Record<string, "i32" | "f32">;

/** Name of a column. */
export type ColumnName = keyof typeof COLUMNS;
/** Every column, in the order of tables. */
export const COLUMN_NAMES = Object.keys(COLUMNS) as readonly ColumnName[];

/** Columns that a request can choose from; `index` and `loss` are always there. */
export const ChosenColumn = z.enum([
  "original",
  "label",
  "prediction",
  "confidence",
  "margin",
  "el2n",
]);

/** Which samples a rule is about: those the job trains on, or the whole training split. */
export const IndexBase = z.enum(["parent", "all"]);
/** Which samples a rule is about. */
export type IndexBase = z.infer<typeof IndexBase>;

/** How samples are embedded, grouped and laid out. */
export const EmbeddingRequest = z.strictObject({
  layer: z.string().max(200).optional()
    .describe("name of a layer; the module's embedding, or the one before the last, when absent"),
  k: z.union([z.number().int().min(1).max(1_000), z.literal("auto")]).default("auto")
    .describe("clusters; auto takes the k from 2 to 10 with the best silhouette"),
  projection: z.enum(["pca", "umap", "none"]).default("pca"),
});
/** How samples are embedded, grouped and laid out. */
export type EmbeddingRequest = z.infer<typeof EmbeddingRequest>;

/** What a scan is asked for. */
export const ReportRequest = z.strictObject({
  split: ReportSplit.default("train"),
  of: IndexBase.default("parent")
    .describe("of the training split: the samples that the job trains on, or all"),
  training_mode: z.boolean().default(false)
    .describe("dropout and batch statistics as in training, seeded; false is inference"),
  embedding: EmbeddingRequest.optional()
    .describe("groups and lays samples out too; {} takes the defaults"),
  columns: z.array(ChosenColumn).optional().describe("beside index and loss; all when absent"),
});
/** What a scan is asked for. */
export type ReportRequest = z.infer<typeof ReportRequest>;

const count = z.number().int().min(0);
const figure = z.number().nullable();

/** A group of samples: a label or a cluster. */
export const SampleGroup = z.strictObject({
  value: z.number().int(),
  name: z.string().nullable(),
  count,
  mean_loss: figure,
  accuracy: figure,
});
/** A group of samples. */
export type SampleGroup = z.infer<typeof SampleGroup>;

/** What a report says as a whole. `labels` has the 200 most frequent. */
export const ReportSummary = z.strictObject({
  loss: Distribution,
  accuracy: figure,
  labels: z.array(SampleGroup),
});
/** What a report says as a whole. */
export type ReportSummary = z.infer<typeof ReportSummary>;

/** A cluster of samples; `labels` has its five most frequent. */
export const SampleCluster = z.strictObject({
  ...SampleGroup.omit({ name: true }).shape,
  labels: z.array(SampleGroup.pick({ value: true, name: true, count: true })),
});
/** A cluster of samples. */
export type SampleCluster = z.infer<typeof SampleCluster>;

/** How samples were embedded, and the clusters that were found. */
export const EmbeddingSummary = z.strictObject({
  /** The layer that was named; null: what was taken without a name. */
  layer: z.string().nullable(),
  /** What it is, for people. */
  source: z.string(),
  width: count,
  k: count,
  silhouette: figure,
  projection: z.enum(["pca", "umap", "none"]),
  clusters: z.array(SampleCluster),
});
/** How samples were embedded. */
export type EmbeddingSummary = z.infer<typeof EmbeddingSummary>;

/** A file of a report. */
export const ColumnFile = z.strictObject({
  name: z.enum(COLUMN_NAMES as [ColumnName, ...ColumnName[]]),
  dtype: z.enum(["i32", "f32"]),
  bytes: count,
  sha256: z.string(),
});
/** A file of a report. */
export type ColumnFile = z.infer<typeof ColumnFile>;

/** What the worker answers to a scan: its files lie in the folder it was given. */
export const ScanResult = z.strictObject({
  split: ReportSplit,
  of: IndexBase,
  training_mode: z.boolean(),
  samples: count,
  /** Classes the model tells apart; null where it predicts none. */
  classes: count.nullable(),
  class_names: z.array(z.string()).nullable(),
  /** The loss by name; `custom` for a function. */
  loss: z.string(),
  /** What was done that a reader should know. */
  warnings: z.array(z.string()),
  columns: z.array(ColumnFile),
  summary: ReportSummary,
  /** Null where nobody asked. */
  embedding: EmbeddingSummary.nullable(),
});
/** What the worker answers to a scan. */
export type ScanResult = z.infer<typeof ScanResult>;

/** A report as it is kept, and as the API shows it. */
export const ReportRecord = z.strictObject({
  ...ScanResult.shape,
  report: z.number().int().min(1),
  ...KEPT_RESULT,
});
/** A report as it is kept. */
export type ReportRecord = z.infer<typeof ReportRecord>;
