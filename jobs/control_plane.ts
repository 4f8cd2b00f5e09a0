/**
 * What `routes/` may ask of `jobs/`: the whole of the job service behind one typed door.
 * `jobs/supervisor.ts` implements it; HTTP only parses, calls here, and renders.
 */
import type { HealthCheck } from "../runtime/protocol/health.ts";
import type { HparamsPatch } from "../runtime/protocol/hparams.ts";
import type { PartialJobConfig } from "../runtime/protocol/job_config.ts";
import type { ExportFormat, ExportManifest } from "../runtime/protocol/export.ts";
import type { ReportRecord, ReportRequest } from "../runtime/protocol/report.ts";
import type { SchedulePolicy } from "../runtime/protocol/fork.ts";
import type { BatchNormPolicy, GateRule } from "../runtime/protocol/merge_gate.ts";
import type { GivenSelection } from "../runtime/protocol/selection.ts";
import type { SuspectItem, SuspectsRecord, SuspectsRequest } from "../runtime/protocol/suspects.ts";
import type { CompareQuery, Comparison } from "./inspection/compare_reports.ts";
import type { History, HistoryQuery } from "./inspection/sample_history.ts";
import type { SelectionPlace } from "./inspection/report_for.ts";
import type { SuspectsQuery } from "./inspection/suspect_store.ts";
import type { StoredRule } from "./inspection/stored_selection.ts";
import type { ReportRow, RowsQuery } from "./inspection/report_rows.ts";
import type { ReportPoints } from "./inspection/report_points.ts";
import type { Trajectories } from "./inspection/trajectories.ts";
import type { ImproveActions } from "./improve/improve.ts";
import type { SessionActions } from "./sessions/session_desk.ts";
import type { CheckpointRecord, JobManifest, JobPermissions, JobState, Receipt } from "./job.ts";

/** A file posted with a job: its bytes lie in a temporary file that the job takes over. */
export interface PostedFile {
  name: string;
  path: string;
  bytes: number;
  sha256: string;
}

/** A parsed submission. `project` and `runName` come from the request or, failing that, the module. */
export interface Submission {
  module: { name: string; source: string };
  /** Further modules beside it, by relative name. */
  extraModules: { name: string; source: string }[];
  files: PostedFile[];
  /** Names of the datasets that it reads. */
  datasets?: string[] | undefined;
  /** What it asks for beyond what every worker may do. */
  permissions?: JobPermissions | undefined;
  /** 0 when absent. */
  priority?: number | undefined;
  config: PartialJobConfig;
  project?: string | undefined;
  runName?: string | undefined;
  owner: string;
}

/** Which request this is, for retries: the key, and a hash of the parsed request. */
export interface Idempotency {
  key: string;
  fingerprint: string;
}

/** Filters and the page of a job list, newest first. */
export interface JobQuery {
  session?: string | undefined;
  state?: JobState | undefined;
  project?: string | undefined;
  limit: number;
  cursor?: string | undefined;
}

/** One page of a list. */
export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

/** A lineage: its root, and every job forked or merged from it. */
export interface SessionSummary {
  id: string;
  project: string;
  root: string;
  jobs: JobManifest[];
  created_at: number;
}

/** A control call on one job. */
export type ControlRequest =
  | { command: "pause"; release: boolean }
  | { command: "resume"; max_epochs?: number | undefined; max_steps?: number | undefined }
  | { command: "stop" }
  | { command: "test"; split: "train" | "val" | "test"; label?: string | undefined }
  | { command: "checkpoint"; label?: string | undefined }
  | { command: "rewind"; checkpoint: number }
  | { command: "reset" }
  | {
    command: "certificate";
    from?: number | undefined;
    to?: number | undefined;
    take?: number | undefined;
  }
  | ({ command: "selection"; selection: GivenSelection } & SelectionPlace)
  | (
    & { command: "export"; selection: GivenSelection; format: ExportFormat; features: boolean }
    & SelectionPlace
  )
  | ({ command: "report"; at: "now" | number } & ReportRequest)
  | ({ command: "suspects"; at: "now" | number } & SuspectsRequest)
  | ({ command: "hparams" } & HparamsPatch)
  | {
    command: "health";
    check: HealthCheck;
    steps?: number | undefined;
    samples?: number | undefined;
  };

/** A fork: where from, which samples, what differs. */
export interface ForkRequest {
  selection: GivenSelection;
  at: "now" | number;
  run_name?: string | undefined;
  config: PartialJobConfig;
  lr_mul: number;
  optimizer: "keep" | "fresh";
  /** It goes on when absent. */
  schedule?: SchedulePolicy | undefined;
  /** Share of what the child trains on that is not of the selection, in [0, 1); 0 when absent. */
  rehearsal?: number | undefined;
  /** Source of a module that takes the parent's place. */
  module?: string | undefined;
  start: boolean;
}

/** A merge: with whom, how. A parent is a job (its newest checkpoint) or one of its checkpoints. */
export interface MergeRequest {
  with: { job: string; checkpoint?: number | undefined }[];
  strategy: string;
  params: Record<string, unknown>;
  run_name?: string | undefined;
  config: PartialJobConfig;
  /** `keep`: that of the job in the path. */
  optimizer: "keep" | "fresh";
  batch_norm: BatchNormPolicy;
  /** Null: nobody judges it. */
  gate: GateRule | null;
  /** Whether the gate has rows of what the parents' steps come to without a merge. */
  control: boolean;
  start: boolean;
}

/** A control call under way: its id at once, its receipt when it is applied and durable. */
export interface PendingCommand {
  command_id: string;
  receipt: Promise<Receipt>;
  /** An earlier call with the same key asked for it: its receipt may say that it failed. */
  replayed: boolean;
}

/** The reports of jobs. */
export interface InspectionDesk {
  /** Newest first. */
  reports(job: string): Promise<ReportRecord[]>;
  report(job: string, report: number): Promise<ReportRecord>;
  rows(job: string, report: number, query: RowsQuery): Promise<Page<ReportRow>>;
  /** Enough of a report to draw it: every sample, or `most` of them evenly spaced. */
  points(job: string, report: number, most: number): Promise<ReportPoints>;
  /** How the losses of these rows moved over the job's reports. */
  trajectories(job: string, report: number, rows: readonly number[]): Promise<Trajectories>;
  /** How samples moved over the job's reports. */
  history(job: string, query: HistoryQuery): Promise<History>;
  /** Two reports of the same samples, of one job or of two. */
  compare(
    job: string,
    report: number,
    other: { job: string; report: number },
    query: CompareQuery,
  ): Promise<Comparison>;
  /** Newest first. */
  exports(job: string): Promise<ExportManifest[]>;
  export(job: string, number: number): Promise<ExportManifest & { path: string }>;
  /** Searches for suspects, newest first. */
  searches(job: string): Promise<SuspectsRecord[]>;
  search(job: string, run: number): Promise<SuspectsRecord>;
  /** What one found: kind after kind, the most suspect first. */
  suspects(job: string, run: number, query: SuspectsQuery): Promise<Page<SuspectItem>>;
  /** A selection that was kept. */
  selection(job: string, sha256: string): Promise<StoredRule>;
}

/** The job service. Every method throws the errors of `jobs/errors.ts`. */
export interface ControlPlane {
  submit(
    submission: Submission,
    idempotency?: Idempotency,
  ): Promise<{ job: JobManifest; replayed: boolean }>;
  get(job: string): Promise<JobManifest>;
  list(query: JobQuery): Promise<Page<JobManifest>>;
  /** Changes how soon a job gets a slot; answers its manifest once the change is durable. */
  prioritize(job: string, priority: number, actor: string): Promise<JobManifest>;
  /** Deletes an ended or parked job that nothing depends on, with its files and events. */
  delete(job: string): Promise<void>;
  sessions(): Promise<SessionSummary[]>;
  session(id: string): Promise<SessionSummary>;

  /** Starts a control call. State conflicts throw here, before anything is sent. */
  command(
    job: string,
    request: ControlRequest,
    actor: string,
    idempotency?: Idempotency,
  ): Promise<PendingCommand>;
  receipt(job: string, commandId: string): Promise<Receipt>;
  /**
   * Ends a report or an export that is under way; answers its receipt, as it ended.
   * @throws {ConflictError} for a command that takes effect at once or not at all.
   */
  cancel(job: string, commandId: string): Promise<Receipt>;
  receipts(job: string): Promise<Receipt[]>;
  fork(
    job: string,
    request: ForkRequest,
    actor: string,
    idempotency?: Idempotency,
  ): Promise<{ job: JobManifest; replayed: boolean }>;
  /**
   * Several forks at once: all of them, or none when one is refused. `overlap`: how many samples more
   * than one of them trains on; null where only a scan can tell.
   */
  forkAll(
    job: string,
    requests: readonly ForkRequest[],
    actor: string,
    idempotency?: Idempotency,
  ): Promise<{ jobs: JobManifest[]; overlap: number | null; replayed: boolean }>;
  merge(
    job: string,
    request: MergeRequest,
    actor: string,
    idempotency?: Idempotency,
  ): Promise<{ job: JobManifest; replayed: boolean }>;

  checkpoints(job: string): Promise<CheckpointRecord[]>;
  /**
   * A checkpoint's record and the file behind it.
   * @throws {CommandFailedError} when the file is gone or cut short.
   */
  checkpointFile(
    job: string,
    checkpoint: number,
  ): Promise<{ record: CheckpointRecord; path: string }>;
  /** The source of the job's module, as posted. */
  moduleSource(job: string): Promise<string>;

  /** What was found out about a job's samples. */
  readonly inspection: InspectionDesk;
  /** What is asked of a session as a whole. */
  readonly runs: SessionActions;
  /** Plans that improve a session's model round by round. */
  readonly improvements: ImproveActions;

  /** How the server stands, for `/readyz` and the dashboard's header. */
  health(): Promise<ServerHealth>;
  /** Stops taking work, asks workers to checkpoint, ends them. Resolves within `limitMs`. */
  shutdown(limitMs: number): Promise<void>;
}

/** How the server stands. */
export interface ServerHealth {
  ready: boolean;
  reason: string | null;
  isolation: string;
  isolation_reason: string;
  slots: { training: number; training_used: number; helper: number; helper_used: number };
  jobs: Record<JobState, number>;
  log_id: string;
  last_seq: number;
  uptime_s: number;
}
