import { ATTACH_PORT } from "../protocol/attachment.ts";
import { JobConfig, type PartialJobConfig } from "../protocol/job_config.ts";

/** How a script trains, beside its config, whose keys go in as well: `maxEpochs`, `batchSize`, ... */
export interface TrainerOptions extends PartialJobConfig {
  /** Groups runs in the dashboard; `default` when absent. */
  project?: string;
  /** The run's name; a taken one gets a number there. `run` when absent. */
  runName?: string;
  /** Config of every `fit()` of this trainer; what a definition or a fit says wins over it. */
  sessionDefaults?: PartialJobConfig;
  /** Folder of the checkpoints, a folder a run in it; `onthefly-runs` when absent. */
  saveDir?: string;
  /** Folder that `ctx.file(name)` reads from; the current one when absent. */
  files?: string | URL;
  /** A job module that builds the same run, so that the server can fork and merge it. */
  module?: string | URL;
  /** Where the server is; this machine when absent. */
  host?: string;
  /** Its port for scripts; `ONTHEFLY_DASHBOARD_PORT`, or 47621, when absent. */
  port?: number;
  /** Its token, where it has one; `ONTHEFLY_TOKEN` when absent. */
  token?: string;
  /** Whether to look for a server at all. */
  autoConnect?: boolean;
  /** Events that wait for a server: bytes kept in memory (8 MiB) and, past them, on disk (1 GiB). */
  backlog?: { memory?: number; disk?: number };
  /** How long, at the end, to wait for a server that was there and went away, in ms; 30 s. */
  lingerMs?: number;
  /** Threads of the backend, where it uses several; one a core when absent. */
  threads?: number;
  /** Path of TensorFlow's library, `libtensorflow_cc.so.2`, for `backend: "tensorflow"`. */
  tensorflow?: string;
  /** Whether to tell on standard error how the run gets on. */
  progress?: boolean;
}

/** The config keys among the options. */
export function configOf(options: TrainerOptions): PartialJobConfig {
  const keys = Object.keys(JobConfig.shape);
  return Object.fromEntries(
    Object.entries(options).filter(([key, value]) => keys.includes(key) && value !== undefined),
  );
}

/** Where a server may be; null when none is to be looked for. */
export function serverAddress(
  { host = "127.0.0.1", port, token, autoConnect = true }: TrainerOptions,
): { hostname: string; port: number; token: string | undefined } | null {
  const named = port === undefined ? environment("ONTHEFLY_DASHBOARD_PORT") : undefined;
  if (!autoConnect || named === "off") return null;
  const given = port ?? Number(named ?? ATTACH_PORT);
  if (!Number.isInteger(given) || given < 1 || given > 65_535) {
    throw new RangeError(`port: expected a whole number from 1 to 65535, got ${named ?? port}`);
  }
  return { hostname: host, port: given, token: token ?? environment("ONTHEFLY_TOKEN") };
}

/** A variable of the environment, if the script may look. */
function environment(variable: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) : undefined;
}
