import type { ServerEvents } from "../../runtime/protocol/events.ts";
import { type CheckpointRecord, type JobManifest, LIVE } from "../job.ts";
import { checkpointOf, foldEvent } from "./job_projection.ts";
import type { JobRegistry } from "./job_registry.ts";
import type { LiveJob } from "./live_job.ts";
import { failedReceipt, receiptFromLog } from "./receipts.ts";
import { leftSideFolders } from "../storage/side_folder.ts";
import { JobError, UnavailableError } from "../errors.ts";
import type { JobDeps } from "../supervisor_deps.ts";

const PAGE = 10_000;

/**
 * Brings the jobs to where the log says they are, whatever ended the last server: KV catches up,
 * workers that it left behind are proven gone, and what was live or queued gets a worker again.
 */
export async function startUp(deps: JobDeps, registry: JobRegistry): Promise<void> {
  const manifests = await Array.fromAsync(deps.store.all());
  const known = new Set(manifests.map(({ id }) => id));
  const jobs: LiveJob[] = [];
  for (const manifest of manifests) {
    const checkpoints = await deps.store.checkpoints(manifest.id);
    jobs.push(await catchUp(deps, registry, manifest, withKnownPins(checkpoints, known)));
  }
  await removeStrays(deps, known);
  await Promise.all(jobs.map((job) => reapWorker(deps, job)));
  for (const job of jobs) {
    await endSideWorkers(deps, job);
    await deps.artifacts.sweep(job.id, [...job.record.checkpoints.values()]);
    await endReceipts(deps, job);
  }
  for (const job of inOrder(deps, jobs.filter(({ state }) => LIVE.has(state)))) {
    if (job.state !== "recovering") job.goTo("recovering", "the server began anew");
    job.recovering = true;
    job.requestWorker();
  }
  for (const job of inOrder(deps, jobs.filter(({ state }) => state === "queued"))) {
    job.requestWorker();
  }
  await Promise.all(jobs.map((job) => job.record.settled()));
}

/** Folds what the log has and KV has not. */
async function catchUp(
  deps: JobDeps,
  registry: JobRegistry,
  stored: JobManifest,
  known: CheckpointRecord[],
): Promise<LiveJob> {
  let manifest = stored;
  const checkpoints = new Map(known.map((record) => [record.checkpoint, record]));
  for (;;) {
    const events = deps.log.read({ job: stored.id }, manifest.seq, PAGE);
    for (const event of events) {
      const fields: unknown = JSON.parse(event.data);
      manifest = foldEvent(manifest, event, fields);
      if (event.type !== "checkpoint_saved") continue;
      const record = checkpointOf(event, fields);
      // The ring may have dropped it before KV heard of it at all.
      if (checkpoints.has(record.checkpoint) || !await deps.artifacts.verify(record)) continue;
      checkpoints.set(record.checkpoint, record);
      await deps.store.putCheckpoint(record);
    }
    if (events.length < PAGE) break;
  }
  if (manifest !== stored) await putIfTaken(deps, manifest);
  const job = registry.adopt(manifest, [...checkpoints.values()]);
  if (manifest.seq === 0) announce(job);
  return job;
}

/** Writes a manifest. One that KV refuses for good keeps no other job, and no server, from its work. */
async function putIfTaken({ store, logger }: JobDeps, manifest: JobManifest): Promise<void> {
  try {
    await store.put(manifest);
  } catch (error) {
    if (!(error instanceof JobError) || error instanceof UnavailableError) throw error;
    logger.error("job {job}: cannot write: {error}", { job: manifest.id, error });
  }
}

/** The first event of a job. */
export function announce({ record }: LiveJob): void {
  const { run_name, project, kind, parents } = record.manifest;
  record.append("newRun", { run_name, project, kind, parents });
}

/** A child that was never made pins nothing. */
function withKnownPins(
  checkpoints: CheckpointRecord[],
  known: ReadonlySet<string>,
): CheckpointRecord[] {
  return checkpoints.map((record) => ({
    ...record,
    pinned_by: record.pinned_by.filter((child) => known.has(child)),
  }));
}

/** Folders of submissions that were cut short: neither KV nor the log has ever had such a job. */
async function removeStrays({ artifacts, log }: JobDeps, known: Set<string>): Promise<void> {
  for (const job of await artifacts.folders()) {
    if (known.has(job) || log.newest(job, ["newRun"]) !== null) continue;
    await artifacts.removeJob(job);
  }
}

async function reapWorker(deps: JobDeps, job: LiveJob): Promise<void> {
  const newest = deps.log.newest(job.id, ["attempt_started"]);
  if (newest === null) return;
  const { process } = JSON.parse(newest.data) as ServerEvents["attempt_started"];
  if (process === null) return;
  try {
    await deps.launcher.reap(process);
  } catch (error) {
    deps.logger.error("job {job}: cannot end its last worker: {error}", { job: job.id, error });
    const message = `its last worker, process ${process.pid}, cannot be proven gone`;
    const failure = { message, stack: null, phase: "recovery", cause: "reap" };
    if (LIVE.has(job.state)) job.goTo("failed", "reap", { error: failure });
  }
}

/** Nobody waits for what they do any more. */
async function endSideWorkers(
  { artifacts, launcher, logger }: JobDeps,
  job: LiveJob,
): Promise<void> {
  for (const folder of await leftSideFolders(artifacts, job.id)) {
    try {
      const process = await folder.noted();
      if (process !== null) await launcher.reap(process);
      await folder.remove();
    } catch (error) {
      logger.error("job {job}: cannot end a side worker: {error}", { job: job.id, error });
    }
  }
}

/** Whoever waited for them is gone; what the log proves of them was applied. */
async function endReceipts(deps: JobDeps, job: LiveJob): Promise<void> {
  const receipts = await deps.store.receipts(job.id);
  const reason = new UnavailableError(
    "the server ended before the answer; the job's events say whether it was applied",
  );
  for (const receipt of receipts.filter(({ status }) => status === "pending")) {
    const applied = receiptFromLog(deps.log, receipt);
    await deps.store.putReceipt(applied ?? failedReceipt(receipt, reason));
  }
}

/** Who came to their state first goes first. */
function inOrder({ log }: JobDeps, jobs: LiveJob[]): LiveJob[] {
  const since = new Map(
    jobs.map(({ id }) => [id, log.newest(id, ["state_changed", "newRun"])?.seq ?? 0]),
  );
  return jobs.sort((a, b) => since.get(a.id)! - since.get(b.id)!);
}
