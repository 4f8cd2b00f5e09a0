import type { LaunchedWorker, WorkerExit, WorkerProcess } from "./launcher.ts";
import {
  identifyProcess,
  type ProcessIdentity,
  processTree,
  residentBytes,
  signalProcesses,
  waitUntilGone,
} from "./process_tree.ts";
import type { TextTail } from "./text_tail.ts";
import type { StdioTrainerLink } from "./trainer_link.ts";

/** Ms between two looks at a worker's memory, and when it holds half of what it may. */
const LOOK_MS = 250;
const CLOSE_LOOK_MS = 50;
/** Ms that a worker gets to end, and again after TERM, when its time is up or its line closed. */
const GRACE_MS = 2_000;

/** What bounds a worker. */
export interface WorkerLimits {
  memoryBytes: number;
  timeoutMs: number | null;
}

/**
 * A worker's operating system process and its end. It ends by itself, or is ended: for a limit, or
 * by `stop()`; the first cause given is kept, whichever way the process then goes.
 */
export class IsolatedProcess implements LaunchedWorker {
  readonly process: WorkerProcess | null;
  readonly link: StdioTrainerLink;
  readonly exited: Promise<WorkerExit>;
  readonly #child: Deno.ChildProcess;
  readonly #limits: WorkerLimits;
  #cause: WorkerExit["cause"] | null = null;
  #tree: ProcessIdentity[] = [];
  #look: ReturnType<typeof setTimeout> | undefined;
  #deadline: ReturnType<typeof setTimeout> | undefined;

  constructor(
    child: Deno.ChildProcess,
    link: StdioTrainerLink,
    errors: TextTail,
    limits: WorkerLimits,
  ) {
    this.#child = child;
    this.#limits = limits;
    this.link = link;
    this.process = identifyProcess(child.pid);
    this.exited = this.#watchExit(errors);
    this.#lookAtMemory();
    if (limits.timeoutMs !== null) {
      this.#deadline = setTimeout(() => this.stop("timeout", GRACE_MS), limits.timeoutMs);
    }
  }

  stop(cause: WorkerExit["cause"], graceMs: number): Promise<WorkerExit> {
    this.#cause ??= cause;
    return this.#end(graceMs);
  }

  async #end(graceMs: number): Promise<WorkerExit> {
    this.link.closeInput();
    if (await this.#exitsWithin(graceMs)) return this.exited;
    // Inside bubblewrap the worker is the last of the chain; TERM for the others would kill it.
    signalProcesses(processTree(this.#child.pid).slice(-1), "SIGTERM");
    if (await this.#exitsWithin(graceMs)) return this.exited;
    this.#kill();
    return this.exited;
  }

  #kill(): void {
    this.#tree = processTree(this.#child.pid);
    signalProcesses(this.#tree, "SIGKILL");
  }

  async #exitsWithin(ms: number): Promise<boolean> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<false>((resolve) => timer = setTimeout(() => resolve(false), ms));
    try {
      return await Promise.race([this.exited.then(() => true), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #watchExit(errors: TextTail): Promise<WorkerExit> {
    // A worker that has closed its output, or whose output broke its reader, is of no more use.
    this.link.closed.then(() => this.#end(GRACE_MS), () => this.#end(GRACE_MS));
    const status = await this.#child.status;
    clearTimeout(this.#look);
    clearTimeout(this.#deadline);
    // Whoever reads `closed` is told what went wrong with the line; here only its end matters.
    await this.link.closed.catch(() => {});
    await waitUntilGone(this.#tree);
    return exitFacts(status, this.#cause, errors.text());
  }

  #lookAtMemory(): void {
    this.#tree = processTree(this.#child.pid);
    const bytes = residentBytes(this.#tree);
    if (bytes > this.#limits.memoryBytes) {
      this.#cause ??= "memory";
      this.#kill();
      return;
    }
    const soon = bytes > this.#limits.memoryBytes / 2;
    this.#look = setTimeout(() => this.#lookAtMemory(), soon ? CLOSE_LOOK_MS : LOOK_MS);
  }
}

/** What V8 says before it aborts for want of memory. */
const OUT_OF_MEMORY = /JavaScript heap out of memory|Fatal JavaScript out of memory/;
/** A shell's and bubblewrap's way to pass on that the inner process died of a signal. */
const SIGNAL_CODE = 128;
const SIGNALS: Record<number, string> = {
  4: "SIGILL",
  5: "SIGTRAP",
  6: "SIGABRT",
  7: "SIGBUS",
  9: "SIGKILL",
  11: "SIGSEGV",
  15: "SIGTERM",
};

function exitFacts(
  status: Deno.CommandStatus,
  cause: WorkerExit["cause"] | null,
  stderrTail: string,
): WorkerExit {
  const signal = status.signal ?? SIGNALS[status.code - SIGNAL_CODE] ?? null;
  const natural = signal === null ? "exit" : OUT_OF_MEMORY.test(stderrTail) ? "memory" : "signal";
  const code = signal === null ? status.code : null;
  return { cause: cause ?? natural, code, signal, stderrTail };
}
