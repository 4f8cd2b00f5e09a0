import type { LaunchContext } from "../../runtime/protocol/commands.ts";
import { dirname } from "@std/path";
import {
  denoCacheKey,
  isDenoCacheWarm,
  noteDenoCacheWarm,
  prepareDenoCache,
  sealDenoCache,
  transpiledFolder,
} from "./deno_cache.ts";
import { type Devices, takeDevices } from "./devices.ts";
import { workerOnGpu } from "./gpu_meter.ts";
import { GpuPool } from "./gpu_pool.ts";
import { IsolatedProcess } from "./isolated_process.ts";
import type {
  LaunchedWorker,
  Launcher,
  LaunchRequest,
  WorkerExit,
  WorkerProcess,
} from "./launcher.ts";
import { findNativeBackend, type NativeBackend, nativeFor } from "./native_backend.ts";
import { readGpus } from "./nvidia_smi.ts";
import { denoArguments, readablePaths, type WorkerPolicy } from "./permissions.ts";
import { isRunning, processTree, signalProcesses, waitUntilGone } from "./process_tree.ts";
import {
  bwrapArguments,
  type Isolation,
  probeIsolation,
  type SandboxMode,
  type SandboxView,
} from "./sandbox.ts";
import { TextTail } from "./text_tail.ts";
import { StdioTrainerLink } from "./trainer_link.ts";
import { warmJob } from "./warm_job.ts";
import { findWebGpu, type WebGpuAccess, webGpuFor } from "./webgpu_adapter.ts";

/** Ms within which a process that was killed must be gone. */
const REAP_MS = 10_000;

/** What TensorFlow logs before it has read its log level: at level I, and a line that announces it. */
const NATIVE_NOTICE = /^(I\d{4} |WARNING: All log messages before absl::InitializeLog\(\))/;

const NO_GPU: WebGpuAccess = {
  adapter: null,
  reason: "no GPU was looked for",
  sandboxed: false,
  devices: [],
};

/** What a {@linkcode ProcessLauncher} needs. Paths are absolute. */
export interface ProcessLauncherOptions {
  /** Folder of deno.json, runtime/ and node_modules/. */
  projectRoot: string;
  sandbox: SandboxMode;
  /**
   * Folder of the workers' Deno caches: made and warmed here, read-only inside bubblewrap. Servers
   * may share it.
   */
  denoDir: string;
  /**
   * Where TensorFlow's library is looked for; null: nobody knows where. Absent: workers compute
   * without native code.
   */
  tensorflowDir?: string | null;
  /** Which GPU is looked for: hardware by `auto`, any by `webgpu`. Absent: none. */
  webgpu?: "auto" | "webgpu";
  /** Training workers at once on one GPU, where TensorFlow computes on GPUs; 1 when absent. */
  gpuShare?: number;
  /** Told when the cache could not be warmed. */
  onColdCache?: (error: unknown) => void;
  /** The program of a worker; `runtime/worker.ts` unless a test has one of its own. */
  entry?: string;
}

/**
 * Finds out which isolation there is, and begins to warm the workers' cache.
 * @throws {Error} when a sandbox is required that cannot be had.
 */
export async function createProcessLauncher(
  options: ProcessLauncherOptions,
): Promise<ProcessLauncher> {
  const isolation = await probeIsolation(options.sandbox, Deno.execPath());
  const native = await findNativeBackend(options.tensorflowDir, options.sandbox, isolation);
  const webgpu = await findWebGpu(options.webgpu ?? "wasm", options.sandbox, isolation);
  // Workers outside bubblewrap write to their cache, which would unseal one that is only read.
  const kind = [
    isolation.kind,
    ...(native.library === null ? [] : ["tensorflow"]),
    ...(webgpu.adapter === null ? [] : ["webgpu"]),
  ].join("+");
  const denoDir = `${options.denoDir}/${kind}`;
  await prepareDenoCache(denoDir);
  return new ProcessLauncher({ ...options, denoDir }, isolation, native, webgpu);
}

/** Starts each worker as an operating system process, isolated as far as this machine allows. */
export class ProcessLauncher implements Launcher {
  readonly isolation: Isolation;
  /** The native code that its workers may run, or why they may not. */
  readonly native: NativeBackend;
  /** The GPU that its workers may use through WebGPU, or why there is none. */
  readonly webgpu: WebGpuAccess;
  readonly #options: ProcessLauncherOptions;
  readonly #entry: string;
  readonly #gpus: GpuPool;
  /** What a job gets that names webgpu itself; null until there is one. */
  #named: WebGpuAccess | null = null;
  /** Settles when a first process has filled the cache: later ones start in a fraction of the time. */
  readonly warmed: Promise<void>;

  /** @param options Their `denoDir` is this launcher's own, and prepared. */
  constructor(
    options: ProcessLauncherOptions,
    isolation: Isolation,
    native: NativeBackend,
    webgpu: WebGpuAccess = NO_GPU,
  ) {
    this.#options = options;
    this.#entry = options.entry ?? `${options.projectRoot}/runtime/worker.ts`;
    this.isolation = isolation;
    this.native = native;
    this.webgpu = webgpu;
    this.#gpus = new GpuPool(readGpus, options.gpuShare ?? 1);
    this.warmed = this.#warm();
  }

  async launch(request: LaunchRequest): Promise<LaunchedWorker> {
    await this.warmed;
    // Software computes for a job that names webgpu, whatever the others get.
    if (request.context.backend === "webgpu" && this.webgpu.adapter === null) {
      this.#named ??= await findWebGpu("webgpu", this.#options.sandbox, this.isolation);
    }
    return this.#launch(request, this.isolationFor(request).kind === "bwrap+deno");
  }

  /** A GPU that does not answer inside bubblewrap is used in Deno's own sandbox. */
  isolationFor(request: Pick<LaunchRequest, "context" | "permissions">): Isolation {
    const access = this.#accessOf(request);
    const gpu = webGpuFor(request.context, nativeFor(request, this.native), access);
    if (gpu === null || gpu.sandboxed) return this.isolation;
    return { kind: "deno", reason: gpu.reason };
  }

  #accessOf({ context: { backend } }: Pick<LaunchRequest, "context">): WebGpuAccess {
    return backend === "webgpu" ? this.#named ?? this.webgpu : this.webgpu;
  }

  async reap(process: WorkerProcess): Promise<void> {
    if (!isRunning(process)) return;
    const tree = processTree(process.pid);
    signalProcesses(tree, "SIGKILL");
    await waitUntilGone(tree, REAP_MS);
  }

  async #launch(request: LaunchRequest, sandboxed: boolean): Promise<LaunchedWorker> {
    const { context, memoryBytes, timeoutMs } = request;
    const { native } = this;
    const webgpu = this.#accessOf(request);
    let devices: Devices | undefined;
    let child: Deno.ChildProcess;
    try {
      await Deno.mkdir(context.checkpoint_dir, { recursive: true });
      devices = await takeDevices(request, { native, webgpu, gpus: this.#gpus });
      child = await this.#spawn(request, devices, sandboxed);
    } catch (error) {
      devices?.lease?.release();
      return failedLaunch(context, error);
    }
    const { library, lease, told } = devices;
    const errors = new TextTail(40, 8 * 1024);
    const link = new StdioTrainerLink({
      token: context.token,
      identity: context,
      stdin: child.stdin,
      stdout: child.stdout,
      stderr: child.stderr,
      onErrorLine: (line) => errors.add(line),
      ...(library === null ? {} : { isNotice: (line) => NATIVE_NOTICE.test(line) }),
    });
    const worker = new IsolatedProcess(child, link, errors, { memoryBytes, timeoutMs });
    const metered = lease === null ? worker : workerOnGpu(worker, lease, readGpus);
    try {
      await request.onProcess?.(worker.process);
    } catch (error) {
      await worker.stop("launch_failed", 0);
      throw error;
    }
    link.writeLine(JSON.stringify({ ...context, ...told } satisfies LaunchContext));
    return metered;
  }

  async #spawn(
    request: LaunchRequest,
    { library, env: deviceEnv, nodes }: Devices,
    sandboxed: boolean,
  ): Promise<Deno.ChildProcess> {
    const { context, jobDir, memoryBytes, permissions = { read: [], net: [] } } = request;
    const { projectRoot, denoDir } = this.#options;
    const scratch = await transpiledFolder(denoDir, dirname(jobDir));
    const policy: WorkerPolicy = {
      projectRoot,
      entry: this.#entry,
      jobDir,
      checkpointDir: context.checkpoint_dir,
      datasets: (context.datasets ?? []).map(({ path }) => path),
      granted: permissions.read,
      net: permissions.net,
      heapBytes: memoryBytes,
      ...(library === null ? {} : { nativeLibrary: library.path }),
    };
    const deno = Deno.execPath();
    const env = {
      DENO_DIR: denoDir,
      DENO_NO_UPDATE_CHECK: "1",
      NO_COLOR: "1",
      ...deviceEnv,
    };
    const view: SandboxView = {
      readable: [
        deno,
        denoDir,
        ...readablePaths(policy),
        ...library === null ? [] : [library.folder],
      ],
      writable: [policy.checkpointDir],
      scratch: [scratch],
      env,
      workingDir: jobDir,
      network: permissions.net.length > 0,
      devices: nodes,
    };
    const run = [deno, ...denoArguments(policy)];
    const [program, ...args] = sandboxed ? ["bwrap", ...bwrapArguments(view), ...run] : run;
    return new Deno.Command(program ?? deno, {
      args,
      // Only bubblewrap itself is found by PATH; what runs inside starts with a clean environment.
      env: sandboxed ? { PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin" } : env,
      clearEnv: true,
      cwd: jobDir,
      // Ctrl-C at the terminal is for the server, which asks its workers to checkpoint.
      detached: true,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  }

  /** Fills the cache, unless an earlier server has. Without it workers only start more slowly. */
  async #warm(): Promise<void> {
    const key = denoCacheKey(this.#options.projectRoot);
    try {
      if (await isDenoCacheWarm(this.#options.denoDir, key)) return;
      await this.#runWarmJob();
      if (this.isolation.kind === "bwrap+deno") await sealDenoCache(this.#options.denoDir);
      await noteDenoCacheWarm(this.#options.denoDir, key);
    } catch (error) {
      this.#options.onColdCache?.(error);
    }
  }

  /** Runs a small job, outside bubblewrap, where Deno can write what it makes of the sources. */
  async #runWarmJob(): Promise<void> {
    const folder = await Deno.makeTempDir({ dir: this.#options.denoDir, prefix: "job-" });
    // Deno compiles ahead only what it sees a second time: after one run, starts take 1.5 s, not 0.3.
    const backend = this.webgpu.adapter === null ? "auto" : this.#options.webgpu ?? "auto";
    for (let run = 0; run < 2; run++) {
      const worker = await this.#launch(await warmJob(folder, backend), false);
      worker.link.onEvent(() => {}); // How it goes is nobody's business: the first job will tell.
      await worker.exited;
    }
    await Deno.remove(folder, { recursive: true });
  }
}

/** A worker that never was, so that whoever launched it learns it like any other end. */
function failedLaunch(context: LaunchContext, error: unknown): LaunchedWorker {
  const link = new StdioTrainerLink({
    token: context.token,
    identity: context,
    stdin: new WritableStream(),
    stdout: ReadableStream.from([]),
    stderr: ReadableStream.from([]),
  });
  const exit: WorkerExit = {
    cause: "launch_failed",
    code: null,
    signal: null,
    stderrTail: error instanceof Error ? error.message : `${error}`,
  };
  const exited = Promise.resolve(exit);
  return { process: null, link, exited, stop: () => exited };
}
