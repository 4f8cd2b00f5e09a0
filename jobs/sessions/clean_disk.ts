import { join } from "node:path";
import { beyondRing } from "../life/checkpoint_ring.ts";
import type { LiveJob } from "../life/live_job.ts";
import { planRecovery } from "../life/recovery.ts";
import { type CheckpointRecord, LIVE } from "../job.ts";
import { fileSize, namesIn } from "../storage/durable_file.ts";
import { leftSideFolders } from "../storage/side_folder.ts";

/** What was, or would be, removed of one job. */
export interface CleanedJob {
  job: string;
  /** Numbers of checkpoints. */
  checkpoints: number[];
  /** Files that belong to no checkpoint and to nothing under way. */
  strays: number;
  bytes: number;
}

/**
 * Removes what a job at rest can do without: every checkpoint but the one that it would go on from,
 * those that carry a label and those that another job began from, and what workers left half done.
 * Null for a job that is at work, or about to be.
 */
export function cleanDisk(job: LiveJob, dryRun: boolean): Promise<CleanedJob | null> {
  return job.enqueue(() => clean(job, dryRun));
}

async function clean(job: LiveJob, dryRun: boolean): Promise<CleanedJob | null> {
  const { id, deps, record, state } = job;
  if (LIVE.has(state) || state === "queued" || job.serve.busy || job.sides.busy) return null;
  await record.settled();
  const dropped = await dispensable(job);
  const strays = await straysOf(job);
  const bytes = [...dropped, ...strays].reduce((sum, { bytes }) => sum + bytes, 0);
  if (!dryRun) {
    record.dropCheckpoints(dropped, (checkpoint) => deps.artifacts.removeCheckpoint(checkpoint));
    await record.settled();
    await deps.artifacts.sweep(id, [...record.checkpoints.values()]);
    for (const folder of await leftSideFolders(deps.artifacts, id)) await folder.remove();
  }
  const checkpoints = dropped.map(({ checkpoint }) => checkpoint).sort((a, b) => a - b);
  return { job: id, checkpoints, strays: strays.length, bytes };
}

async function dispensable({ deps, record, held }: LiveJob): Promise<CheckpointRecord[]> {
  const { log, artifacts } = deps;
  const records = [...record.checkpoints.values()];
  const verify = artifacts.verify.bind(artifacts);
  const { point } = await planRecovery(log, record.manifest, records, verify);
  return beyondRing(records, 0, held).filter((record) => record !== point?.record);
}

/** Files in the folders of attempts that no record names, and all of side workers that are gone. */
async function straysOf({ id, deps, record }: LiveJob): Promise<{ path: string; bytes: number }[]> {
  const folder = deps.artifacts.jobDir(id);
  const kept = new Set(record.checkpoints.values().map(({ path }) => path));
  const strays: string[] = [];
  for (const attempt of await namesIn(join(folder, "checkpoints"))) {
    for (const file of await namesIn(join(folder, "checkpoints", attempt))) {
      if (!kept.has(`checkpoints/${attempt}/${file}`)) {
        strays.push(`checkpoints/${attempt}/${file}`);
      }
    }
  }
  for (const { path } of await leftSideFolders(deps.artifacts, id)) {
    for (const file of await namesIn(path)) strays.push(`${path.slice(folder.length + 1)}/${file}`);
  }
  return await Promise.all(strays.map(async (path) => ({
    path,
    bytes: await fileSize(join(folder, path)) ?? 0,
  })));
}
