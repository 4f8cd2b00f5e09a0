import type { LaunchContext } from "../../runtime/protocol/commands.ts";
import type { JobPermissions } from "../job.ts";
import type { TrainerLink } from "./trainer_link.ts";

/** What one attempt is given. Paths are absolute. */
export interface LaunchRequest {
  context: LaunchContext;
  /** The job's own folder: module and files are read from it, the attempt writes below it. */
  jobDir: string;
  /** Limits: V8 heap plus native memory in bytes, wall-clock in ms or null. */
  memoryBytes: number;
  timeoutMs: number | null;
  /** What the job was granted beyond what every worker may do. */
  permissions?: JobPermissions | undefined;
  /**
   * Told the process once it is there; awaited before the process gets its context, so that a later
   * server knows what to {@linkcode Launcher.reap}. Null when in-process.
   */
  onProcess?: (process: WorkerProcess | null) => Promise<void>;
}

/** Names an OS process beyond doubt: pids are used again, start times are not. */
export interface WorkerProcess {
  pid: number;
  startTime: string;
}

/**
 * How a worker ended. `exit` and `signal` are ends of its own; the others are causes given to it,
 * of which the first is kept, whichever way the process then went.
 */
export interface WorkerExit {
  cause: "exit" | "signal" | "memory" | "timeout" | "killed" | "launch_failed";
  code: number | null;
  signal: string | null;
  /** Last lines of standard error, for the manifest. */
  stderrTail: string;
}

/** A worker that was launched, and the line to it. */
export interface LaunchedWorker {
  /** Where its process is, so that a later server can prove it gone; null when in-process. */
  process: WorkerProcess | null;
  link: TrainerLink;
  /** Resolves when its process is gone and all its output was handed over. Never rejects. */
  exited: Promise<WorkerExit>;
  /** Ask by closing its input, then TERM, then KILL, each after `graceMs`. */
  stop(cause: WorkerExit["cause"], graceMs: number): Promise<WorkerExit>;
}

/** Starts workers. `process_launcher.ts` starts OS processes. */
export interface Launcher {
  /** Isolation that is really there: `bwrap+deno` or `deno`, and why. */
  readonly isolation: { kind: string; reason: string };
  /** That of one attempt, where it is not the same for all. */
  isolationFor?(request: Pick<LaunchRequest, "context" | "permissions">): { kind: string };
  launch(request: LaunchRequest): Promise<LaunchedWorker>;
  /** Ends what is left of an attempt of an earlier server and proves that it is gone. */
  reap(process: WorkerProcess): Promise<void>;
}
