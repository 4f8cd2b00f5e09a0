import type { Logger } from "@logtape/logtape";
import type { LaunchContext } from "../runtime/protocol/commands.ts";
import type { ArtifactStore } from "./storage/artifact_store.ts";
import type { DatasetStore } from "./storage/dataset_store.ts";
import type { EventLog } from "./events/event_log.ts";
import type { RandomId } from "./job_id.ts";
import type { JobStore } from "./storage/job_store.ts";
import type { PermissionPolicy } from "./submission/permissions.ts";
import type { Launcher } from "./workers/launcher.ts";
import type { ModuleImports } from "./workers/module_imports.ts";
import type { MetricsStore } from "./events/metrics_store.ts";
import type { Scheduler } from "./life/scheduler.ts";
import type { Timers } from "./life/timers.ts";

/** How the supervisor treats jobs. Times are in ms. */
export interface SupervisorOptions {
  trainingSlots: number;
  /** Workers that serve a command or merge, beside the training ones; 2 when absent. */
  helperSlots?: number | undefined;
  /** After so long a hot pause parks itself. */
  parkAfterMs: number;
  jobMemoryBytes: number;
  jobTimeoutMs: number | null;
  backend: LaunchContext["backend"];
  /** What submissions may ask for beyond what every worker may do; nothing when absent. */
  permissions?: PermissionPolicy | undefined;
  /** Packages that modules may import beside the usual ones; none when absent. */
  imports?: Pick<ModuleImports, "names" | "lock"> | undefined;
  /** Threads of a worker; a job keeps what its first attempt had. */
  threads: number;
  /** How long a worker may take to obey a stop before it is ended; 10 s when absent. */
  stopGraceMs?: number | undefined;
  /** How long a worker that served a command waits for another; 2 s when absent. */
  lingerMs?: number | undefined;
}

/** What the supervisor is made of. It opens nothing and closes nothing of this but workers. */
export interface SupervisorDeps {
  log: EventLog;
  store: JobStore;
  artifacts: ArtifactStore;
  datasets: DatasetStore;
  metrics: MetricsStore;
  launcher: Launcher;
  /** Milliseconds since the epoch. */
  clock: () => number;
  randomId: RandomId;
  options: SupervisorOptions;
  logger: Logger;
  /** The platform's when absent. */
  timers?: Timers | undefined;
}

/** What each live job is given. */
export interface JobDeps extends SupervisorDeps {
  options: SupervisorOptions & { helperSlots: number; stopGraceMs: number; lingerMs: number };
  timers: Timers;
  scheduler: Scheduler;
}
