import { unpin } from "../lineage/child_maker.ts";
import { ConflictError } from "../errors.ts";
import { assertAllowed } from "./assert_allowed.ts";
import type { JobManifest } from "../job.ts";
import type { JobRegistry } from "./job_registry.ts";
import type { LiveJob } from "./live_job.ts";
import type { JobDeps } from "../supervisor_deps.ts";

/**
 * Deletes a job with its files, events and records, in its turn among the job's commands.
 *
 * @throws {StateConflictError} while the job is live.
 * @throws {ConflictError} that names the jobs which started from it.
 */
export async function removeJob(
  deps: JobDeps,
  registry: JobRegistry,
  job: LiveJob,
): Promise<void> {
  const { id, record } = job;
  assertRemovable(job);
  await job.serve.close();
  assertRemovable(job);
  job.training.withdraw();
  job.closing = true;
  record.removed = true;
  job.signal();
  registry.forget(id);
  await record.settled();
  record.abandon();
  await deps.store.delete(id);
  deps.log.forget(id);
  deps.metrics.forget(id);
  await deps.artifacts.removeJob(id);
  for (const origin of originsOf(record.manifest)) await unpin(await registry.load(origin), id);
}

/** The jobs whose checkpoints it pinned. */
function originsOf({ parents, spawn }: JobManifest): Set<string> {
  const ancestor = spawn?.kind === "merge" ? spawn.ancestor ?? null : null;
  return new Set(ancestor === null ? parents : [...parents, ancestor.job]);
}

function assertRemovable(job: LiveJob): void {
  assertAllowed(job, "delete");
  const dependants = new Set(
    job.record.checkpoints.values().flatMap(({ pinned_by }) => pinned_by),
  );
  if (dependants.size > 0) {
    throw new ConflictError(
      `job ${job.id} cannot be deleted: ${[...dependants].join(", ")} started from it`,
      { dependants: [...dependants] },
    );
  }
  if (job.held.size > 0) throw new ConflictError(`job ${job.id} is in use by a request`);
}
