/** Processes as `/proc` shows them (Linux). Elsewhere every process looks gone. */
import { setPriority } from "node:os";

/** One process, and no later one that was given the same number. */
export interface ProcessIdentity {
  pid: number;
  /** Clock ticks since boot at which it started, and which boot: `12345@<boot id>`. */
  startTime: string;
}

/** Who is process `pid` now? Null when there is none, or only its zombie. */
export function identifyProcess(pid: number): ProcessIdentity | null {
  const stat = readProc(`/proc/${pid}/stat`);
  const boot = readProc("/proc/sys/kernel/random/boot_id");
  if (stat === null || boot === null) return null;
  // The second field is the name in parentheses, and may hold anything: count from behind it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, startTicks] = [fields[0], fields[19]];
  if (state === "Z" || state === "X" || startTicks === undefined) return null;
  return { pid, startTime: `${startTicks}@${boot.trim()}` };
}

/** Whether this very process still runs. */
export function isRunning(process: ProcessIdentity): boolean {
  return identifyProcess(process.pid)?.startTime === process.startTime;
}

/** A process and all that descend from it, parents first. Empty when it is gone. */
export function processTree(pid: number): ProcessIdentity[] {
  const process = identifyProcess(pid);
  if (process === null) return [];
  const children = readProc(`/proc/${pid}/task/${pid}/children`) ?? "";
  return [process, ...children.split(" ").filter(Boolean).flatMap((n) => processTree(Number(n)))];
}

/** Memory that these processes hold in RAM, in bytes. */
export function residentBytes(processes: readonly ProcessIdentity[]): number {
  let kibibytes = 0;
  for (const { pid } of processes) {
    const status = readProc(`/proc/${pid}/status`) ?? "";
    kibibytes += Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
  }
  return kibibytes * 1024;
}

/** Sends a signal to each of these processes that still runs. */
export function signalProcesses(
  processes: readonly ProcessIdentity[],
  signal: "SIGTERM" | "SIGKILL",
): void {
  for (const process of processes) {
    if (!isRunning(process)) continue;
    try {
      Deno.kill(process.pid, signal);
    } catch (error) {
      // It ended between the look and the signal, which is what was asked for.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

/** How much a process stands back that {@linkcode lowerPriority} was asked for: half of the scale. */
const NICE = 10;

/** Lets others have the processor before this process and its children. */
export function lowerPriority(process: ProcessIdentity): void {
  if (!isRunning(process)) return;
  for (const { pid } of processTree(process.pid)) {
    try {
      setPriority(pid, NICE);
    } catch {
      // It ended meanwhile, or this system does not let us: it runs like any other then.
    }
  }
}

/**
 * Waits until none of these processes runs.
 * @throws {Deno.errors.TimedOut} when one is still there after `limitMs`.
 */
export async function waitUntilGone(
  processes: readonly ProcessIdentity[],
  limitMs = Infinity,
): Promise<void> {
  const deadline = Date.now() + limitMs;
  for (const process of processes) {
    while (isRunning(process)) {
      if (Date.now() > deadline) {
        throw new Deno.errors.TimedOut(`process ${process.pid} still runs after ${limitMs} ms`);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

function readProc(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    // A process may end at any moment, and its files with it; there is no other way to learn it.
    return null;
  }
}
