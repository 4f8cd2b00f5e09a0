import type { Attempt } from "./attempt.ts";
import type { LiveJob } from "./live_job.ts";

/** Has a worker that trains and is about to be let go save where it stands, if it can within `limitMs`. */
export async function lastSave(job: LiveJob, attempt: Attempt, limitMs: number): Promise<void> {
  if (!attempt.ready || attempt.mode !== "train" || attempt.finished) return;
  const { timers, logger } = job.deps;
  const late = Promise.withResolvers<void>();
  const cancel = timers.after(limitMs, late.resolve);
  const saved = attempt.send("save_ckpt", { reason: "shutdown" }).catch((error) => {
    logger.warn("job {job}: last save: {error}", { job: job.id, error });
  });
  await Promise.race([saved, late.promise]);
  cancel();
}
