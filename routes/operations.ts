/** Every call of the API, once: what `/openapi.json` is made of, and what the tests walk. */
import { z } from "zod";
import { ImproveRequest } from "../jobs/improve/improve_request.ts";
import { CheckpointRecord, JobManifest, Receipt } from "../jobs/job.ts";
import { StoredRule } from "../jobs/inspection/stored_selection.ts";
import { DatasetRecord } from "../jobs/storage/dataset_store.ts";
import { ExportManifest } from "../runtime/protocol/export.ts";
import { COLUMN_NAMES, ReportRecord } from "../runtime/protocol/report.ts";
import { SuspectItem, SuspectsRecord } from "../runtime/protocol/suspects.ts";
import { BackendReport } from "../jobs/workers/backend_report.ts";
import {
  CleanBody,
  CONTROL_BODIES,
  CountersBody,
  DatasetFileQuery,
  EventsQuery,
  ForkBody,
  HealthBody,
  JobListQuery,
  JobPatch,
  MergeBody,
  MetricsQuery,
  CompareQuery,
  HistoryQuery,
  ReportRowsQuery,
  ServerInfoQuery,
  SpillBody,
  SubmissionBody,
  SuspectItemsQuery,
  SwitchBody,
} from "./schemas.ts";

/** One call: where it is, what it takes, what it answers when all is well. */
export interface Operation {
  method: "get" | "post" | "put" | "patch" | "delete";
  /** With parameters as Hono writes them: `/jobs/:id`. */
  path: string;
  /** Name of the call, unique. */
  id: string;
  summary: string;
  query?: z.ZodObject;
  body?: z.ZodType;
  /** Media types of the body; JSON when absent. */
  bodyTypes?: readonly string[];
  status: number;
  answer?: z.ZodType;
  answerTypes?: readonly string[];
  /** Whether it waits for a receipt, and may answer 202 instead. */
  waits?: true;
}

const links = z.record(z.string(), z.string());
const next_cursor = z.string().nullable();
const Job = z.object({ ...JobManifest.shape, links });
const Session = z.object({
  id: z.string(),
  project: z.string(),
  root: z.string(),
  jobs: z.array(Job),
  created_at: z.number(),
  links,
});
const Checkpoint = z.object({ ...CheckpointRecord.shape, links });
const Point = z.object({
  step: z.number(),
  axis_step: z.number(),
  ts: z.number(),
  epoch: z.number(),
  min: z.number().nullable(),
  max: z.number().nullable(),
  last: z.number().nullable(),
});
const Metrics = z.object({
  job: z.string(),
  series: z.record(z.string(), z.array(Point)),
  available: z.array(z.string()),
  first_step: z.number().nullable(),
  last_step: z.number().nullable(),
  last_event_seq: z.number(),
  last_event_id: z.string(),
});
const Dataset = z.object({ ...DatasetRecord.shape, links });
const Export = z.object({ ...ExportManifest.shape, links });
const Report = z.object({ ...ReportRecord.shape, links });
const Search = z.object({ ...SuspectsRecord.shape, links });
const ReportRow = z.object({
  row: z.number(),
  ...Object.fromEntries(COLUMN_NAMES.map((name) => [name, z.number().nullable().optional()])),
});
const ImprovePlan = z.looseObject({
  plan: z.string(),
  session: z.string(),
  state: z.enum(["running", "stopping", "completed", "stopped", "failed"]),
  reason: z.string().nullable(),
  round: z.number().int(),
  stage: z.string().nullable(),
  winner: z.object({ job: z.string(), checkpoint: z.number().int().nullable() }).nullable(),
  rounds: z.array(z.record(z.string(), z.unknown())),
});
const Anything = z.record(z.string(), z.unknown());

function pageOf(item: z.ZodType): z.ZodObject {
  return z.object({ items: z.array(item), next_cursor });
}

function control(
  call: keyof typeof CONTROL_BODIES,
  id: string,
  summary: string,
  method: "post" | "patch" = "post",
): Operation {
  const body = CONTROL_BODIES[call];
  const path = `/jobs/:id/${call}`;
  return { method, path, id, summary, body, status: 200, answer: Receipt, waits: true };
}

function eventStream(path: string, id: string, summary: string): Operation {
  const answerTypes = ["text/event-stream"];
  return { method: "get", path, id, summary, query: EventsQuery, status: 200, answerTypes };
}

/** Every call of the API. */
export const OPERATIONS: readonly Operation[] = [
  {
    method: "post",
    path: "/jobs",
    id: "submitJob",
    summary: "Submit a job. As application/typescript the body is the module and config the query.",
    body: SubmissionBody,
    bodyTypes: ["application/json", "multipart/form-data", "application/typescript"],
    status: 201,
    answer: Job,
  },
  {
    method: "get",
    path: "/jobs",
    id: "listJobs",
    summary: "List jobs, newest first.",
    query: JobListQuery,
    status: 200,
    answer: pageOf(Job),
  },
  { method: "get", path: "/jobs/:id", id: "getJob", summary: "Read.", status: 200, answer: Job },
  {
    method: "patch",
    path: "/jobs/:id",
    id: "patchJob",
    summary: "Change how soon a job gets a slot.",
    body: JobPatch,
    status: 200,
    answer: Job,
  },
  {
    method: "delete",
    path: "/jobs/:id",
    id: "deleteJob",
    summary: "Delete a job that does not run and that nothing started from.",
    status: 204,
  },
  {
    method: "get",
    path: "/jobs/:id/module",
    id: "getModule",
    summary: "The module's source, as posted.",
    status: 200,
    answerTypes: ["application/typescript"],
  },
  control("pause", "pauseJob", "Pause at the next batch boundary; release frees the worker too."),
  control("resume", "resumeJob", "Go on; with a raised budget an ended job too."),
  control("stop", "stopJob", "Stop for good, with a checkpoint."),
  control("test", "testJob", "Test on a split."),
  control("checkpoints", "saveCheckpoint", "Save a checkpoint now."),
  control("rewind", "rewindJob", "Load a checkpoint back; a new take begins."),
  control("reset", "resetJob", "Go back to where the job began; a new take begins."),
  control("certificate", "certifyJob", "Train steps again and compare every bit with what was kept."),
  control("export", "exportSamples", "Write samples to a file, as a selection picks them."),
  control("selection", "trySelection", "What a selection picks, before anything is forked."),
  control("report", "scanSamples", "Loss and outcome of each sample of a split, at a checkpoint."),
  control("suspects", "findSuspects", "Samples that are probably mislabelled, copies or outliers."),
  control("hparams", "setHparams", "Change hyperparameters at a batch boundary.", "patch"),
  {
    method: "post",
    path: "/jobs/:id/health/:check",
    id: "checkHealth",
    summary: "Check the model, its data or its worker, and leave the run as it was.",
    body: HealthBody,
    status: 200,
    answer: Receipt,
    waits: true,
  },
  {
    method: "post",
    path: "/jobs/:id/fork",
    id: "forkJob",
    summary: "Start a child on a selection of the samples, or several with `children`.",
    body: ForkBody,
    status: 201,
    answer: z.union([Job, z.object({ items: z.array(Job), overlap: z.number().nullable() })]),
  },
  {
    method: "post",
    path: "/jobs/:id/merge",
    id: "mergeJobs",
    summary: "Make a child from this job and others.",
    body: MergeBody,
    status: 201,
    answer: Job,
  },
  {
    method: "get",
    path: "/jobs/:id/commands",
    id: "listCommands",
    summary: "Receipts of a job's commands.",
    status: 200,
    answer: pageOf(Receipt),
  },
  {
    method: "get",
    path: "/jobs/:id/commands/:command",
    id: "getCommand",
    summary: "One receipt.",
    status: 200,
    answer: Receipt,
  },
  {
    method: "delete",
    path: "/jobs/:id/commands/:command",
    id: "cancelCommand",
    summary: "End a report that is under way; answers the receipt as it ended.",
    status: 200,
    answer: Receipt,
  },
  {
    method: "get",
    path: "/jobs/:id/reports/:report/compare",
    id: "compareReports",
    summary: "Two reports side by side: what got better, what got worse.",
    query: CompareQuery,
    status: 200,
    answer: Anything,
  },
  {
    method: "get",
    path: "/jobs/:id/history",
    id: "getHistory",
    summary: "How samples moved over the job's reports.",
    query: HistoryQuery,
    status: 200,
    answer: Anything,
  },
  {
    method: "get",
    path: "/jobs/:id/exports",
    id: "listExports",
    summary: "Exports of a job's samples, newest first.",
    status: 200,
    answer: pageOf(Export),
  },
  {
    method: "get",
    path: "/jobs/:id/exports/:export",
    id: "getExport",
    summary: "The manifest of an export.",
    status: 200,
    answer: Export,
  },
  {
    method: "get",
    path: "/jobs/:id/exports/:export/content",
    id: "getExportContent",
    summary: "The file of an export, or a range of it.",
    status: 200,
    answerTypes: ["application/octet-stream"],
  },
  {
    method: "get",
    path: "/jobs/:id/selections/:sha256",
    id: "getSelection",
    summary: "A selection that was tried, with what it is about.",
    status: 200,
    answer: StoredRule,
  },
  {
    method: "get",
    path: "/jobs/:id/suspects",
    id: "listSearches",
    summary: "Searches for suspects, newest first.",
    status: 200,
    answer: pageOf(Search),
  },
  {
    method: "get",
    path: "/jobs/:id/suspects/:run",
    id: "getSearch",
    summary: "One search: what was looked for, how, and how many were found.",
    status: 200,
    answer: Search,
  },
  {
    method: "get",
    path: "/jobs/:id/suspects/:run/items",
    id: "listSuspects",
    summary: "The suspects of a search, the most suspect of each kind first.",
    query: SuspectItemsQuery,
    status: 200,
    answer: pageOf(SuspectItem),
  },
  {
    method: "get",
    path: "/jobs/:id/reports",
    id: "listReports",
    summary: "Reports of a job's samples, newest first.",
    status: 200,
    answer: pageOf(Report),
  },
  {
    method: "get",
    path: "/jobs/:id/reports/:report",
    id: "getReport",
    summary: "One report: its distribution and its groups.",
    status: 200,
    answer: Report,
  },
  {
    method: "get",
    path: "/jobs/:id/reports/:report/rows",
    id: "listReportRows",
    summary: "Samples of a report, sorted by a column.",
    query: ReportRowsQuery,
    status: 200,
    answer: pageOf(ReportRow),
  },
  {
    method: "get",
    path: "/jobs/:id/checkpoints",
    id: "listCheckpoints",
    summary: "Checkpoints of a job, newest first.",
    status: 200,
    answer: pageOf(Checkpoint),
  },
  {
    method: "get",
    path: "/jobs/:id/checkpoints/:checkpoint",
    id: "getCheckpoint",
    summary: "The safetensors file of a checkpoint.",
    status: 200,
    answerTypes: ["application/octet-stream"],
  },
  {
    method: "get",
    path: "/jobs/:id/metrics",
    id: "getMetrics",
    summary: "Series in min/max buckets.",
    query: MetricsQuery,
    status: 200,
    answer: Metrics,
    answerTypes: ["application/json", "text/csv"],
  },
  {
    method: "get",
    path: "/jobs/:id/metrics.csv",
    id: "getMetricTable",
    summary: "Every figure of every step, as CSV.",
    status: 200,
    answerTypes: ["text/csv"],
  },
  eventStream("/jobs/:id/events", "followJob", "Events of a job, from its beginning."),
  eventStream("/sessions/:id/events", "followSession", "Events of a session, from now."),
  eventStream("/events", "followAll", "All events, from now."),
  {
    method: "get",
    path: "/sessions",
    id: "listSessions",
    summary: "List sessions.",
    status: 200,
    answer: pageOf(Session),
  },
  {
    method: "get",
    path: "/sessions/:id",
    id: "getSession",
    summary: "One session with its jobs.",
    status: 200,
    answer: Session,
  },
  {
    method: "post",
    path: "/sessions/:id/switch",
    id: "switchRun",
    summary: "Let one job of a session train: pause the others, resume this one.",
    body: SwitchBody,
    status: 200,
    answer: Anything,
  },
  {
    method: "post",
    path: "/sessions/:id/spill",
    id: "spillAll",
    summary: "Save where every job of a session that is at work stands.",
    body: SpillBody,
    status: 200,
    answer: Anything,
  },
  {
    method: "post",
    path: "/sessions/:id/clean",
    id: "cleanDisk",
    summary: "Remove what the jobs of a session that are at rest can do without.",
    body: CleanBody,
    status: 200,
    answer: Anything,
  },
  {
    method: "post",
    path: "/sessions/:id/counters",
    id: "setCounterSeeds",
    summary: "Let the names of a session's children go on behind these numbers.",
    body: CountersBody,
    status: 200,
    answer: CountersBody,
  },
  {
    method: "post",
    path: "/sessions/:id/improve",
    id: "startPlan",
    summary: "Scan, fork, train, merge, gate, and on from the winner, round by round.",
    body: ImproveRequest,
    status: 201,
    answer: ImprovePlan,
  },
  {
    method: "get",
    path: "/sessions/:id/improve",
    id: "listPlans",
    summary: "Plans of a session, newest first.",
    status: 200,
    answer: pageOf(ImprovePlan),
  },
  {
    method: "get",
    path: "/sessions/:id/improve/:plan",
    id: "getPlan",
    summary: "One plan: how far it is, what each stage came to.",
    status: 200,
    answer: ImprovePlan,
  },
  {
    method: "post",
    path: "/sessions/:id/improve/:plan/stop",
    id: "stopPlan",
    summary: "End a plan and what it has at work.",
    status: 200,
    answer: ImprovePlan,
  },
  {
    method: "put",
    path: "/datasets/:name",
    id: "putDataset",
    summary: "Upload a dataset, or replace it: one file as the body, or several as a form.",
    query: DatasetFileQuery,
    body: z.unknown(),
    bodyTypes: ["application/octet-stream", "multipart/form-data"],
    status: 201,
    answer: Dataset,
  },
  {
    method: "get",
    path: "/datasets",
    id: "listDatasets",
    summary: "List datasets; files is their count.",
    status: 200,
    answer: pageOf(Dataset.extend({ files: z.number() })),
  },
  {
    method: "get",
    path: "/datasets/:name",
    id: "getDataset",
    summary: "One dataset with its files.",
    status: 200,
    answer: Dataset,
  },
  {
    method: "get",
    path: "/datasets/:name/content",
    id: "getDatasetContent",
    summary: "A file of a dataset, or a range of it.",
    query: DatasetFileQuery,
    status: 200,
    answerTypes: ["application/octet-stream"],
  },
  {
    method: "delete",
    path: "/datasets/:name",
    id: "deleteDataset",
    summary: "Delete a dataset that no job which has not ended uses.",
    status: 204,
  },
  {
    method: "get",
    path: "/healthz",
    id: "live",
    summary: "Whether the process answers.",
    status: 200,
    answer: Anything,
  },
  {
    method: "get",
    path: "/backends",
    id: "listBackends",
    summary: "What jobs can compute on here, measured at the first request.",
    status: 200,
    answer: z.object({ items: z.array(BackendReport), next_cursor }),
  },
  {
    method: "get",
    path: "/server_info",
    id: "serverInfo",
    summary: "What the server is and speaks; refuses a client of a newer protocol.",
    query: ServerInfoQuery,
    status: 200,
    answer: Anything,
  },
  {
    method: "get",
    path: "/readyz",
    id: "ready",
    summary: "Whether it takes work; 503 when not.",
    status: 200,
    answer: Anything,
  },
];
