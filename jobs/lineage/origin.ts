import type { SaveReason } from "../../runtime/protocol/events.ts";
import { assertAllowed } from "../life/assert_allowed.ts";
import { checkpointOrThrow, damaged } from "../life/control_commands.ts";
import { ConflictError } from "../errors.ts";
import type { CheckpointRecord } from "../job.ts";
import type { LiveJob } from "../life/live_job.ts";
import { planRecovery } from "../life/recovery.ts";

/** A checkpoint that a child starts from, and the job it is of. */
export interface Origin {
  job: LiveJob;
  record: CheckpointRecord;
}

/**
 * The checkpoint of a job that a child or a report starts from: the one named, or the job as it is now.
 * It is held until {@linkcode releaseOrigins}, so that the ring does not drop it meanwhile.
 *
 * @throws {NotFoundError} when there is no checkpoint of that number.
 * @throws {CommandFailedError} when that checkpoint's file is damaged.
 * @throws {ConflictError} when the parent has none yet.
 */
export async function holdOrigin(
  job: LiveJob,
  checkpoint: number | null,
  reason: Extract<SaveReason, "fork" | "merge" | "report">,
): Promise<Origin> {
  const record = checkpoint === null
    ? await job.enqueue(() => checkpointNow(job, reason))
    : checkpointOrThrow(job, checkpoint);
  job.held.hold(record.checkpoint);
  if (checkpoint === null || await job.deps.artifacts.verify(record)) return { job, record };
  job.held.release(record.checkpoint);
  throw damaged(record);
}

/** Lets the ring have them again, unless they are pinned. */
export function releaseOrigins(origins: Origin[]): void {
  for (const { job, record } of origins) job.held.release(record.checkpoint);
}

async function checkpointNow(
  job: LiveJob,
  reason: Extract<SaveReason, "fork" | "merge" | "report">,
): Promise<CheckpointRecord> {
  for (;;) {
    assertAllowed(job, reason);
    const attempt = await job.trainingWorker();
    if (attempt === null) return await newestSound(job);
    try {
      const { checkpoint } = await attempt.send("save_ckpt", { reason });
      return checkpointOrThrow(job, checkpoint);
    } catch (error) {
      if (!await job.lost(attempt, error)) throw error;
    }
  }
}

async function newestSound({ deps, record, id }: LiveJob): Promise<CheckpointRecord> {
  await deps.log.durable();
  const verify = deps.artifacts.verify.bind(deps.artifacts);
  const { point } = await planRecovery(
    deps.log,
    record.manifest,
    record.checkpoints.values(),
    verify,
  );
  if (point === null) throw new ConflictError(`job ${id} has no checkpoint yet`, { job: id });
  return point.record;
}
