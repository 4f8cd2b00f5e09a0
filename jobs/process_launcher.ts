import type { LaunchContext } from "../runtime/protocol/commands.ts";
import { prepareDenoCache, sealDenoCache } from "./deno_cache.ts";
import { IsolatedProcess } from "./isolated_process.ts";
import type {
  LaunchedWorker,
  Launcher,
  LaunchRequest,
  WorkerExit,
  WorkerProcess,
} from "./launcher.ts";
import { denoArguments, readablePaths, type WorkerPolicy } from "./permissions.ts";
import { isRunning, processTree, signalProcesses, waitUntilGone } from "./process_tree.ts";
import { bwrapArguments, type Isolation, probeIsolation, type SandboxMode } from "./sandbox.ts";
import { TextTail } from "./text_tail.ts";
import { StdioTrainerLink } from "./trainer_link.ts";

/** Ms within which a process that was killed must be gone. */
const REAP_MS = 10_000;

/** What a {@linkcode ProcessLauncher} needs. Paths are absolute. */
export interface ProcessLauncherOptions {
  /** Folder of deno.json, runtime/ and node_modules/. */
  projectRoot: string;
  sandbox: SandboxMode;
  /** Folder of the workers' Deno cache: made and warmed here, read-only inside bubblewrap. */
  denoDir: string;
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
  await prepareDenoCache(options.denoDir);
  return new ProcessLauncher(options, isolation);
}

/** Starts each worker as an operating system process, isolated as far as this machine allows. */
export class ProcessLauncher implements Launcher {
  readonly isolation: Isolation;
  readonly #options: ProcessLauncherOptions;
  readonly #entry: string;
  /** Settles when a first process has filled the cache: later ones start in a fraction of the time. */
  readonly warmed: Promise<void>;

  constructor(options: ProcessLauncherOptions, isolation: Isolation) {
    this.#options = options;
    this.#entry = options.entry ?? `${options.projectRoot}/runtime/worker.ts`;
    this.isolation = isolation;
    this.warmed = this.#warm();
  }

  async launch(request: LaunchRequest): Promise<LaunchedWorker> {
    await this.warmed;
    const { context, jobDir, memoryBytes, timeoutMs } = request;
    let child: Deno.ChildProcess;
    try {
      await Deno.mkdir(context.checkpoint_dir, { recursive: true });
      child = this.#spawn({
        projectRoot: this.#options.projectRoot,
        entry: this.#entry,
        jobDir,
        checkpointDir: context.checkpoint_dir,
        heapBytes: memoryBytes,
      });
    } catch (error) {
      return failedLaunch(context, error);
    }
    const errors = new TextTail(40, 8 * 1024);
    const link = new StdioTrainerLink({
      token: context.token,
      identity: context,
      stdin: child.stdin,
      stdout: child.stdout,
      stderr: child.stderr,
      onErrorLine: (line) => errors.add(line),
    });
    const worker = new IsolatedProcess(child, link, errors, { memoryBytes, timeoutMs });
    try {
      await request.onProcess?.(worker.process);
    } catch (error) {
      await worker.stop("launch_failed", 0);
      throw error;
    }
    link.writeLine(JSON.stringify(context));
    return worker;
  }

  async reap(process: WorkerProcess): Promise<void> {
    if (!isRunning(process)) return;
    const tree = processTree(process.pid);
    signalProcesses(tree, "SIGKILL");
    await waitUntilGone(tree, REAP_MS);
  }

  #spawn(policy: WorkerPolicy): Deno.ChildProcess {
    const deno = Deno.execPath();
    const env = { DENO_DIR: this.#options.denoDir, DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" };
    const sandboxed = this.isolation.kind === "bwrap+deno";
    const args = sandboxed
      ? [
        ...bwrapArguments({
          readable: [deno, this.#options.denoDir, ...readablePaths(policy)],
          writable: [policy.checkpointDir],
          env,
          workingDir: policy.jobDir,
        }),
        deno,
        ...denoArguments(policy),
      ]
      : denoArguments(policy);
    return new Deno.Command(sandboxed ? "bwrap" : deno, {
      args,
      // Only bubblewrap itself is found by PATH; what runs inside starts with a clean environment.
      env: sandboxed ? { PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin" } : env,
      clearEnv: true,
      cwd: policy.jobDir,
      // Ctrl-C at the terminal is for the server, which asks its workers to checkpoint.
      detached: true,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  }

  /** Runs the worker once without input, outside any sandbox: it loads, and has nothing to do. */
  async #warm(): Promise<void> {
    const { projectRoot, denoDir } = this.#options;
    const args = denoArguments({
      projectRoot,
      entry: this.#entry,
      jobDir: denoDir,
      checkpointDir: denoDir,
      heapBytes: 2 ** 30,
    });
    await new Deno.Command(Deno.execPath(), {
      args,
      env: { DENO_DIR: denoDir, DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
      clearEnv: true,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).output();
    if (this.isolation.kind === "bwrap+deno") await sealDenoCache(denoDir);
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
