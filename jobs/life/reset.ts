import { ENDED, LIVE } from "../job.ts";
import { type ControlCall, here, type Outcome, pause, sendOrAgain } from "./control_commands.ts";
import { firstHparams } from "./launch_context.ts";
import type { LiveJob } from "./live_job.ts";

/**
 * Begins a job anew: a new take, at the weights, counters and hyperparameters that it began with.
 * Its worker is let go and a new one begins, unless it is a script, which goes back by itself.
 */
export async function reset(job: LiveJob, request: ControlCall<"reset">): Promise<Outcome> {
  const goesOn = LIVE.has(job.state) && job.record.manifest.goal === "running";
  if (LIVE.has(job.state) && !job.usesSlot) {
    const attempt = await job.trainingWorker();
    if (attempt !== null) return await sendOrAgain(job, request, attempt, "reset_session", {});
  }
  if (LIVE.has(job.state)) await pause(job, { command: "pause", release: true });
  const { step: before, epoch, take } = job.record.manifest;
  job.record.append("command_applied", {
    command_id: null,
    command: "reset_session",
    payload: {},
    applied_at_step: before,
    epoch,
  });
  const config = firstHparams(job.deps, job.record.manifest);
  job.record.append("session_reset", { step: 0, epoch: 0, config }, { take: take + 1, step: 0 });
  if (ENDED.has(job.state)) job.goTo("parked", "reset", { goal: "parked" });
  if (goesOn) {
    job.goTo("queued", "reset", { goal: "running" });
    job.requestWorker();
  }
  return { ...here(job), applied_at_step: before, take: take + 1 };
}
