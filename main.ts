import {
  ansiColorFormatter,
  configure,
  getLogger,
  jsonLinesFormatter,
  type LogRecord,
} from "@logtape/logtape";
import type { Hono } from "hono";
import { join } from "node:path";
import type { TrainerHost } from "./jobs/attached/attach_desk.ts";
import { TrainerServer } from "./jobs/attached/trainer_server.ts";
import { openArtifactStore } from "./jobs/storage/artifact_store.ts";
import { DataFolderError, openDataFolder } from "./jobs/storage/data_folder.ts";
import { reportBackends } from "./jobs/workers/backend_report.ts";
import { userDenoCache } from "./jobs/workers/deno_cache.ts";
import { openDatasetStore } from "./jobs/storage/dataset_store.ts";
import { openEventLog } from "./jobs/events/event_log.ts";
import { randomId } from "./jobs/job_id.ts";
import { openJobStore } from "./jobs/storage/job_store.ts";
import { createMetricsStore } from "./jobs/events/metrics_store.ts";
import { installImports, linkImports, type ModuleImports } from "./jobs/workers/module_imports.ts";
import { createProcessLauncher } from "./jobs/workers/process_launcher.ts";
import {
  readServerConfig,
  type ServerConfig,
  ServerConfigError,
  serverConfigHelp,
} from "./jobs/server_config.ts";
import { createSupervisor, type SupervisorOptions } from "./jobs/supervisor.ts";
import { userTensorFlowDir } from "./jobs/workers/tensorflow_library.ts";
import { createApp } from "./routes/app.ts";

/** A server that answers. */
export interface RunningServer {
  /** `http://127.0.0.1:8000` */
  readonly url: string;
  /** Port that scripts dial in to; null where it is off or taken. */
  readonly trainerPort: number | null;
  /** Stops taking work, has workers save and end, ends streams, closes stores; idempotent. */
  close(): Promise<void>;
}

/** Longest that jobs may take to save and answers to end when the server closes, in ms. */
const JOBS_MS = 7_000;
const ANSWERS_MS = 1_000;
/** A server that has not closed by then ends anyway. */
const EXIT_MS = 9_500;

/**
 * Starts a server: opens the data folder, recovers its jobs, listens.
 *
 * @throws {DataFolderError} when the data folder cannot be used.
 * @throws {ServerConfigError} when it cannot listen where it should.
 */
export async function startServer(config: ServerConfig): Promise<RunningServer> {
  const logger = getLogger(["onthefly"]);
  await using opened = new AsyncDisposableStack();
  // Listens first, so that a taken port is known before any job is recovered; requests wait.
  const app = Promise.withResolvers<Hono>();
  const http = listen(config, async (request) => (await app.promise).fetch(request));
  opened.defer(http.close);
  const folder = opened.adopt(await openDataFolder(config.dataDir), (folder) => folder.close());
  const log = opened.adopt(
    openEventLog(join(folder.path, "events.sqlite3"), {
      onError: (error) => logger.error("the event log cannot write: {error}", { error }),
    }),
    (log) => log.close(),
  );
  const kvPath = config.kv ?? join(folder.path, "kv.sqlite3");
  const store = opened.adopt(await openJobStore(kvPath), (store) => store.close());
  const artifacts = openArtifactStore(folder.path);
  const datasets = await openDatasetStore({
    dataDir: folder.path,
    quota: config.datasetQuota,
    mounts: config.datasets ?? {},
    clock: Date.now,
  });
  const metrics = createMetricsStore(log);
  const projectRoot = import.meta.dirname!;
  const imports = await moduleImports(config, projectRoot, folder.path);
  const denoDir = imports !== null
    ? join(imports.root, "deno_dir")
    : userDenoCache(projectRoot, (name) => Deno.env.get(name)) ?? join(folder.path, "deno_dir");
  const { sandbox } = config;
  const native = wantsNativeCode(config) ? { tensorflowDir: tensorFlowDir(config) } : {};
  const { backend } = config;
  const webgpu = backend === "auto" || backend === "webgpu" ? { webgpu: backend } : {};
  const launcher = opened.adopt(
    await createProcessLauncher({
      projectRoot: imports?.root ?? projectRoot,
      sandbox,
      denoDir,
      ...native,
      ...webgpu,
      gpuShare: config.gpuShare,
    }),
    // A server that ends early would leave the process behind that warms the cache.
    (launcher) => launcher.warmed,
  );
  for (
    const [name, missing, { reason }] of [
      ["tensorflow", launcher.native.library === null, launcher.native],
      ["webgpu", launcher.webgpu.adapter === null, launcher.webgpu],
    ] as const
  ) {
    if (backend !== name || !missing) continue;
    throw new ServerConfigError("ONTHEFLY_BACKEND", `${name} cannot be used: ${reason}`);
  }
  const jobs = await createSupervisor({
    log,
    store,
    artifacts,
    datasets,
    metrics,
    launcher,
    clock: Date.now,
    randomId,
    options: {
      ...supervisorOptions(config, launcher.native.gpus?.length ?? 0),
      permissions: {
        read: config.allowRead ?? [],
        net: config.allowNet ?? [],
        dataDir: folder.path,
      },
      imports: imports ?? undefined,
    },
    logger: logger.getChild("jobs"),
  });
  // Answers end before what they read from closes, and after a stream told how its jobs ended.
  opened.defer(http.close);
  opened.defer(() => jobs.shutdown(JOBS_MS));
  const trainers = listenForTrainers(config, jobs, http.url);
  if (trainers !== null) opened.defer(() => trainers.close());
  app.resolve(createApp({
    jobs,
    log,
    metrics,
    artifacts,
    importable: imports?.names ?? [],
    backends: () => reportBackends(launcher.native),
    datasets,
    config,
    logger: logger.getChild("http"),
    closing: http.closing,
  }));
  const parts = opened.move();
  let closed: Promise<void> | undefined;
  const trainerPort = trainers?.port ?? null;
  return { url: http.url, trainerPort, close: () => closed ??= parts.disposeAsync() };
}

/** Installs what modules may import besides the usual; null where the operator names nothing. */
async function moduleImports(
  { imports: path }: ServerConfig,
  projectRoot: string,
  dataDir: string,
): Promise<ModuleImports | null> {
  const installed = path === null
    ? null
    : await installImports({ config: path, projectRoot, dataDir });
  await linkImports(dataDir, installed?.root ?? null);
  return installed;
}

function wantsNativeCode({ backend }: ServerConfig): boolean {
  return backend === "auto" || backend === "tensorflow";
}

function tensorFlowDir({ tensorflowDir }: ServerConfig): string | null {
  return tensorflowDir ?? userTensorFlowDir((name) => Deno.env.get(name));
}

function supervisorOptions(config: ServerConfig, gpus: number): SupervisorOptions {
  const cores = navigator.hardwareConcurrency;
  const shares = gpus * config.gpuShare;
  const trainingSlots = config.slots ?? (shares > 0 ? shares : Math.max(3, cores));
  return {
    trainingSlots,
    parkAfterMs: config.parkAfter,
    jobMemoryBytes: config.jobMemory,
    jobTimeoutMs: config.jobTimeout,
    backend: config.backend,
    threads: Math.max(1, Math.floor(cores / trainingSlots)),
  };
}

/** Listens for scripts. A port that another server has is no reason not to start. */
function listenForTrainers(
  config: ServerConfig,
  host: TrainerHost,
  serverUrl: string,
): TrainerServer | null {
  const { dashboardPort: port, token } = config;
  if (port === null) return null;
  const logger = getLogger(["onthefly", "trainers"]);
  const hostname = config.host.replace(/^\[|\]$/g, "");
  try {
    const server = new TrainerServer({ hostname, port, token, serverUrl, host, logger });
    logger.info("scripts dial in at {address}", { address: `${hostname}:${server.port}` });
    return server;
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    logger.warn(
      "port {port} is in use, so that no script can dial in to this server; give it one of its own with ONTHEFLY_DASHBOARD_PORT (0: a free one, off: none)",
      { port },
    );
    return null;
  }
}

/** Listens; `close` ends the streams and waits a moment for the answers under way. */
function listen(config: ServerConfig, handler: (request: Request) => Promise<Response>) {
  const { port } = config;
  const hostname = config.host.replace(/^\[|\]$/g, "");
  try {
    const server = Deno.serve({ hostname, port, onListen: () => {} }, handler);
    const name = hostname.includes(":") ? `[${hostname}]` : hostname;
    const closing = new AbortController();
    let closed: Promise<void> | undefined;
    const close = () => {
      closing.abort();
      // A client that stalls in the middle of its body does not hold the stores open.
      return closed ??= within(server.shutdown(), ANSWERS_MS);
    };
    return { url: `http://${name}:${server.addr.port}`, closing: closing.signal, close };
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) {
      throw new ServerConfigError(
        "ONTHEFLY_PORT",
        `port ${port} on ${config.host} is in use; stop what listens there, or take another port (0: a free one)`,
      );
    }
    throw error;
  }
}

/** Resolves with the promise, or after `ms`. */
async function within(promise: Promise<void>, ms: number): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, ms);
  await Promise.race([promise, late.promise]);
  clearTimeout(timer);
}

/** Logs go to standard error: for eyes on a terminal, one JSON object a line otherwise. */
async function configureLogs(): Promise<void> {
  const format = Deno.stderr.isTerminal() ? ansiColorFormatter : jsonLinesFormatter;
  const encoder = new TextEncoder();
  const stderr = (record: LogRecord) => {
    Deno.stderr.writeSync(encoder.encode(format(record)));
  };
  await configure({
    sinks: { stderr },
    loggers: [
      { category: ["onthefly"], sinks: ["stderr"], lowestLevel: "info" },
      { category: ["logtape", "meta"], sinks: ["stderr"], lowestLevel: "warning" },
    ],
  });
}

/** `main.ts [serve] [flags]`. */
async function main(args: readonly string[]): Promise<void> {
  const [command, ...rest] = args;
  const flags = command === "serve" ? rest : args;
  if (flags.includes("--help")) {
    console.log(`${USAGE}${serverConfigHelp()}`);
    return;
  }
  await configureLogs();
  const logger = getLogger(["onthefly"]);
  // Whatever one request or one worker left unhandled, the others' work goes on.
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    logger.error("unhandled: {reason}", { reason: event.reason });
  });
  const server = await startServer(readServerConfig(Deno.env.toObject(), flags));
  console.log(`onthefly listening on ${server.url}`);
  const signals = onSignals(["SIGTERM", "SIGINT"]);
  logger.info("{signal}: closing", { signal: await signals });
  setTimeout(() => Deno.exit(1), EXIT_MS);
  await server.close();
  Deno.exit(0);
}

/** Resolves with the first signal; the second ends the process at once. */
function onSignals(names: Deno.Signal[]): Promise<Deno.Signal> {
  const { promise, resolve } = Promise.withResolvers<Deno.Signal>();
  let seen = false;
  for (const name of names) {
    Deno.addSignalListener(name, () => {
      if (seen) Deno.exit(130);
      seen = true;
      resolve(name);
    });
  }
  return promise;
}

const USAGE = `Usage: main.ts [serve] [flags]

Serves the API and the dashboard. A flag wins over the environment.

`;

if (import.meta.main) {
  try {
    await main(Deno.args);
  } catch (error) {
    const refused = error instanceof ServerConfigError || error instanceof DataFolderError;
    console.error(refused ? error.message : error);
    // Thrown on, it would be one more rejection that a server survives: a start that failed, unsaid.
    Deno.exit(refused ? 2 : 1);
  }
}
