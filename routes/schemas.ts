/** What requests may say, in the words of the wire. Also what `/openapi.json` shows. */
import { z } from "zod";
import { JobName } from "../jobs/submission/job_name.ts";
import { JobPermissions, JobState, Priority } from "../jobs/job.ts";
import { DatasetName } from "../jobs/storage/dataset_store.ts";
import { HPARAM_NAMES, HparamsPatch } from "../runtime/protocol/hparams.ts";
import { HEALTH_PAYLOADS } from "../runtime/protocol/health.ts";
import { ExportFormat } from "../runtime/protocol/export.ts";
import { RehearsalShare, SchedulePolicy } from "../runtime/protocol/fork.ts";
import { IndexBase, ReportRequest, ReportSplit } from "../runtime/protocol/report.ts";
import { BatchNormPolicy, GateRule } from "../runtime/protocol/merge_gate.ts";
import { TrajectoryShape } from "../runtime/protocol/trajectory.ts";
import { GivenSelection } from "../runtime/protocol/selection.ts";
import { SuspectKind, SuspectsRequest } from "../runtime/protocol/suspects.ts";

const label = z.string().min(1).max(200).optional();
const count = z.number().int().min(1);
const config = z.record(z.string(), z.unknown());
const place = z.union([z.literal("now"), count], 'expected "now" or a checkpoint number');
const at = place.default("now");

/** Most bytes of a body with a selection: indices of a million samples and more. */
export const SELECTION_LIMIT = 16 * 2 ** 20;

/** Datasets that a submission names, each once. */
export const DatasetNames = z.array(DatasetName).max(100)
  .refine((names) => new Set(names).size === names.length, "a dataset is named twice")
  .describe("datasets that the job reads, by name");

/** Which file of a dataset is meant. */
export const DatasetFileQuery = z.strictObject({
  file: z.string().min(1).max(1_000).optional().describe("name of the file in the dataset"),
});

/** A submission as JSON. */
export const SubmissionBody = z.strictObject({
  module: z.string().describe("source of the module"),
  modules: z.record(z.string(), z.string()).default({}).describe("further modules, by name"),
  files: z.record(z.string(), z.string()).default({}).describe("data files, base64, by name"),
  datasets: DatasetNames.default([]),
  permissions: JobPermissions.optional(),
  priority: Priority.optional(),
  config: config.default({}),
  project: JobName.optional(),
  run_name: JobName.optional(),
});

/** What of a job can be changed, whatever its state. */
export const JobPatch = z.strictObject({ priority: Priority });

/** A job list's filters and page. */
export const JobListQuery = z.strictObject({
  session: z.string().optional(),
  state: JobState.optional(),
  project: z.string().optional(),
  limit: wholeText(1, 200).default(50),
  cursor: z.string().optional(),
});

/** Bodies of the control calls on one job, by the last word of their path. */
export const CONTROL_BODIES = {
  pause: z.strictObject({
    release: z.boolean().default(false).describe("save a checkpoint and free the worker"),
  }),
  resume: z.strictObject({ max_epochs: count.max(1e6).optional(), max_steps: count.optional() }),
  stop: z.strictObject({}),
  test: z.strictObject({ split: z.enum(["train", "val", "test"]).default("test"), label }),
  checkpoints: z.strictObject({ label }),
  rewind: z.strictObject({ checkpoint: count }),
  reset: z.strictObject({}),
  certificate: z.strictObject({
    from: z.number().int().min(0).optional()
      .describe("step; the newest checkpoint at or before it is where the recomputation begins"),
    to: count.optional().describe("last step that is compared"),
    take: count.optional().describe("take that both are of; the newest that has the last step"),
  }),
  export: z.strictObject({
    selection: GivenSelection.default({ kind: "all" }),
    split: ReportSplit.default("train"),
    at,
    report: count.optional().describe("a report of the job, in place of a checkpoint"),
    format: ExportFormat.default("parquet"),
    features: z.boolean().default(false).describe("the inputs of each sample too"),
  }),
  selection: z.strictObject({
    selection: GivenSelection,
    split: ReportSplit.default("train"),
    at,
    report: count.optional().describe("a report of the job, in place of a checkpoint"),
  }),
  report: z.strictObject({ ...ReportRequest.shape, at }),
  suspects: z.strictObject({ ...SuspectsRequest.shape, at }),
  hparams: HparamsPatch.refine(
    (hparams) => Object.keys(hparams).length > 0,
    `expected one or more of ${HPARAM_NAMES.join(", ")}`,
  ),
};

/** What a health check may be told; each takes only its own. */
export const HealthBody = z.strictObject({
  steps: HEALTH_PAYLOADS.determinism.shape.steps
    .describe("steps: determinism, throughput and memory take it"),
  samples: HEALTH_PAYLOADS.activations.shape.samples
    .describe("samples: activations takes it"),
});

/** What of a fork can be said for each of several children. */
const forked = {
  selection: GivenSelection.optional(),
  at: place,
  run_name: JobName.optional(),
  config,
  lr_mul: z.number().positive().max(1e6),
  optimizer: z.enum(["keep", "fresh"]),
  schedule: SchedulePolicy,
  rehearsal: RehearsalShare
    .describe("share of what it trains on that is not of the selection, against forgetting"),
  module: z.string().optional().describe("source of a module in place of the parent's"),
  start: z.boolean(),
};

/** Most children of one call: they are written in one atomic. */
export const MOST_CHILDREN = 32;

/** A fork, or several that share what stands at the top. */
export const ForkBody = z.strictObject({
  ...forked,
  at: forked.at.default("now"),
  config: forked.config.default({}),
  lr_mul: forked.lr_mul.default(1),
  optimizer: forked.optimizer.default("keep"),
  schedule: forked.schedule.default("continue"),
  rehearsal: forked.rehearsal.default(0),
  start: forked.start.default(true),
  children: z.array(z.strictObject(forked).partial()).min(1).max(MOST_CHILDREN).optional()
    .describe("several children at once; each has what it does not say from the top"),
}).superRefine(({ selection, children }, context) => {
  const lacks = children?.findIndex((child) => child.selection === undefined);
  if (selection !== undefined || lacks === -1) return;
  const path = [...lacks === undefined ? [] : ["children", lacks], "selection"];
  const message = 'it is missing; it says which samples, such as {"kind": "all"}';
  context.addIssue({ code: "custom", path, message });
});

/** A merge. A parent is a job's id, or one of its checkpoints. */
export const MergeBody = z.strictObject({
  with: z.array(
    z.union([
      z.string().min(1),
      z.strictObject({ job: z.string().min(1), checkpoint: count.optional() }),
    ], "expected a job id or {job, checkpoint}"),
  ).min(1).max(64),
  strategy: z.string(),
  params: z.record(z.string(), z.unknown()).default({}),
  run_name: JobName.optional(),
  config: config.default({}),
  optimizer: z.enum(["keep", "fresh"]).default("fresh")
    .describe("keep: with the momenta of the job in the path"),
  batch_norm: BatchNormPolicy.default("recalculate")
    .describe(
      "statistics of batch normalization: from a pass over the parents' samples, or averaged",
    ),
  gate: GateRule.nullable().prefault({})
    .describe("how the merge is compared with its parents; null does not"),
  control: z.boolean().default(false)
    .describe("compare with what the parents' steps come to without a merge, trained for it"),
  start: z.boolean().optional().describe("train on; distillation does by default"),
});

/** Which job of a session is to train. */
export const SwitchBody = z.strictObject({ job: z.string().min(1).max(100) });

/** Nothing is to be said. */
export const SpillBody = z.strictObject({});

/** Whether only to count. */
export const CleanBody = z.strictObject({
  dry_run: z.boolean().default(false).describe("true removes nothing and answers what it would"),
});

const taken = z.number().int().min(0).max(1e9).default(0);
/** Numbers of children's names that count as taken. */
export const CountersBody = z.strictObject({
  fork: taken.describe("the next fork is at least fork<n+1>"),
  merge: taken.describe("the next merge is at least merge<n+1>"),
});

/** Which protocol a client speaks. */
export const ServerInfoQuery = z.strictObject({
  protocol: wholeText(1, 1_000).optional().describe("422 where the server speaks an older one"),
});

/** Which events a stream has, and from where. */
export const EventsQuery = z.strictObject({
  after: z.string().optional().describe("an event id, or a bare number; Last-Event-ID wins"),
  types: z.string().optional().describe("event types, comma between them"),
  follow: z.enum(["true", "false"]).default("true").describe("false ends after what there is"),
  sample_ms: wholeText(1, 10_000).optional()
    .describe("one trainStep frame a job in this many ms; outside exactly-once"),
});

/** Which series, which steps, how many buckets. */
export const MetricsQuery = z.strictObject({
  series: z.string().default("loss").describe("names, comma between them"),
  from: wholeText(0, Number.MAX_SAFE_INTEGER).optional(),
  to: wholeText(0, Number.MAX_SAFE_INTEGER).optional(),
  points: wholeText(1, 5_000).default(500),
  format: z.enum(["json", "csv"]).optional(),
});

/** Which samples' history. */
export const HistoryQuery = z.strictObject({
  split: ReportSplit.default("train"),
  of: IndexBase.default("parent"),
  shape: TrajectoryShape.optional().describe("only trajectories of this shape"),
  sort: z.string().default("index").describe("a figure; -forgetting has the largest first"),
  limit: wholeText(1, 1_000).default(100),
  cursor: wholeText(0, Number.MAX_SAFE_INTEGER).optional(),
});

/** Which report another is compared with. */
export const CompareQuery = z.strictObject({
  with: wholeText(1, 999_999).describe("number of the other report"),
  job: z.string().optional().describe("the job that it is of; the one in the path when absent"),
  sort: z.enum(["change", "-change"]).default("-change"),
  limit: wholeText(1, 1_000).default(100),
  cursor: wholeText(0, Number.MAX_SAFE_INTEGER).optional(),
});

/** Which suspects of a search. */
export const SuspectItemsQuery = z.strictObject({
  kind: SuspectKind.optional().describe("only this kind"),
  limit: wholeText(1, 1_000).default(100),
  cursor: wholeText(0, Number.MAX_SAFE_INTEGER).default(0),
});

/** Which rows of a report. */
export const ReportRowsQuery = z.strictObject({
  sort: z.string().default("index").describe("a column; -loss has the largest first"),
  limit: wholeText(1, 1_000).default(100),
  cursor: z.string().optional(),
});

/** A whole number as a query string has it. */
function wholeText(from: number, to: number) {
  return z.string().refine(
    (text) => /^\d{1,16}$/.test(text) && Number(text) >= from && Number(text) <= to,
    `expected a whole number from ${from} to ${to}`,
  ).transform(Number);
}
