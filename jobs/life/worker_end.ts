import type { TrainerEvent } from "../../runtime/protocol/events.ts";
import type { EventLog } from "../events/event_log.ts";
import type { CheckpointRecord, JobManifest, JobState } from "../job.ts";
import type { WorkerExit } from "../workers/launcher.ts";

/** What the end of a training worker means for its job. */
export type WorkerEnd =
  | { kind: "failed"; error: NonNullable<JobManifest["error"]> }
  | { kind: "stopped"; error: JobManifest["error"] }
  | { kind: "recover"; reason: string };

/** Begins the reason of each state change after a death that the job is to survive. */
const WORKER_DIED = "worker_died";

/**
 * Judges the end of a worker that was neither done nor let go. A reported error, a limit and an exit
 * of its own accord fail the job; whatever else ended it, the job goes on in another worker.
 */
export function judgeWorkerEnd(
  state: JobState,
  fatal: TrainerEvent<"error"> | null,
  { cause, code, signal, stderrTail }: WorkerExit,
): WorkerEnd {
  const stack = stderrTail.trim() || null;
  const failed = (message: string): WorkerEnd => ({
    kind: "failed",
    error: { message, stack, phase: state === "starting" ? "start" : "train", cause },
  });
  if (fatal !== null) {
    const { message, stack, phase } = fatal;
    return { kind: "failed", error: { message, stack, phase, cause: "error" } };
  }
  switch (cause) {
    case "memory":
      return failed("the worker went past its memory limit");
    case "timeout":
      return failed("the worker went past its wall-clock limit");
    case "launch_failed":
      return failed("the worker could not be launched");
    case "killed": {
      const message = "the worker did not obey, and was killed";
      if (state !== "stopping") return failed(message);
      return { kind: "stopped", error: { message, stack, phase: "stop", cause } };
    }
    case "exit":
      if (state === "stopping" && code === 0) return { kind: "stopped", error: null };
      return failed(`the worker exited with code ${code} before training was finished`);
    case "signal":
      return { kind: "recover", reason: `${WORKER_DIED}: ${signal}` };
  }
}

/** How many deaths the job has survived since its newest checkpoint. */
export function deathsSince(
  log: EventLog,
  job: string,
  checkpoints: Iterable<CheckpointRecord>,
): number {
  const newest = Math.max(0, ...[...checkpoints].map(({ seq }) => seq));
  return log.read({ job, types: ["state_changed"] }, newest, Number.MAX_SAFE_INTEGER)
    .filter(({ data }) => String(JSON.parse(data).reason).startsWith(WORKER_DIED)).length;
}
