import type { ServerHealth } from "./control_plane.ts";
import { JobState } from "./job.ts";
import type { JobRegistry } from "./life/job_registry.ts";
import type { JobDeps } from "./supervisor_deps.ts";

/** How a server stands that began at `startedAt`, by its own clock. */
export async function serverHealth(
  { launcher, scheduler, log, clock }: JobDeps,
  registry: JobRegistry,
  { closing, startedAt }: { closing: boolean; startedAt: number },
): Promise<ServerHealth> {
  const none = JobState.options.map((state) => [state, 0] as const);
  const jobs = Object.fromEntries(none) as Record<JobState, number>;
  for (const { record } of registry.loaded()) jobs[record.state]++;
  const reason = closing ? "the server is shutting down" : await unwritable(log);
  return {
    ready: reason === null,
    reason,
    isolation: launcher.isolation.kind,
    isolation_reason: launcher.isolation.reason,
    slots: {
      training: scheduler.training.size,
      training_used: scheduler.training.used,
      helper: scheduler.helper.size,
      helper_used: scheduler.helper.used,
    },
    jobs,
    log_id: log.id,
    last_seq: log.lastSeq,
    uptime_s: (clock() - startedAt) / 1_000,
  };
}

async function unwritable(log: JobDeps["log"]): Promise<string | null> {
  try {
    await log.durable();
    return null;
  } catch (error) {
    return `the event log cannot be written: ${error instanceof Error ? error.message : error}`;
  }
}
