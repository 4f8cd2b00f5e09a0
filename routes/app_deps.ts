import type { Logger } from "@logtape/logtape";
import type { ArtifactStore } from "../jobs/storage/artifact_store.ts";
import type { ControlPlane } from "../jobs/control_plane.ts";
import type { DatasetStore } from "../jobs/storage/dataset_store.ts";
import type { EventLog } from "../jobs/events/event_log.ts";
import type { MetricsStore } from "../jobs/events/metrics_store.ts";
import type { BackendReport } from "../jobs/workers/backend_report.ts";
import type { ServerConfig } from "../jobs/server_config.ts";

/** Everything that the routes are given. */
export interface AppDeps {
  jobs: ControlPlane;
  log: EventLog;
  metrics: MetricsStore;
  artifacts: ArtifactStore;
  datasets: DatasetStore;
  /** Packages that modules may import beside the usual ones; none when absent. */
  importable?: readonly string[] | undefined;
  /** Starts and measures every backend; takes seconds. */
  backends: () => Promise<BackendReport[]>;
  config: ServerConfig;
  logger: Logger;
  /** Aborts when the server shuts down: open streams end. */
  closing: AbortSignal;
  /** Time between two heartbeats of an event stream; 15 s when absent. */
  heartbeatMs?: number | undefined;
  /** How long a control call waits for its receipt before it answers 202; 30 s when absent. */
  receiptWaitMs?: number | undefined;
}
