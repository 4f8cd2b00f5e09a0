import type { TrainerEvent } from "../../runtime/protocol/events.ts";
import { CommandFailedError } from "../errors.ts";
import type { CheckpointRecord } from "../job.ts";
import type { Outcome } from "../life/control_commands.ts";
import type { LiveJob } from "../life/live_job.ts";
import type { SideLink } from "../life/side_worker.ts";
import { type CertificateRange, type Stretch, stretchOf } from "./stretch.ts";

/** A worker at the checkpoint that a stretch begins from, or where the job began. */
type Worker = SideLink<CheckpointRecord | null>;

/**
 * Trains a stretch of a job again, beside the job, and says whether every figure in the log and
 * every tensor in the kept checkpoints comes out the same.
 *
 * @param signal Ends it; it then rejects with the signal's reason.
 * @throws {JobError} when there is nothing that could be compared, with why.
 */
export async function certify(
  job: LiveJob,
  range: CertificateRange,
  signal?: AbortSignal,
): Promise<Outcome> {
  const stretch = await stretchOf(job, range);
  const start = stretch.point?.record ?? null;
  const records = start === null ? stretch.checkpoints : [start, ...stretch.checkpoints];
  for (const { checkpoint } of records) job.held.hold(checkpoint);
  try {
    const altered = await alteredOf(job, stretch);
    const work = (link: Worker) => recompute(job, stretch, altered, link);
    return await job.sides.use(start, work, signal);
  } finally {
    for (const { checkpoint } of records) job.held.release(checkpoint);
  }
}

/** Checkpoints whose files are no longer what was saved. */
async function alteredOf(job: LiveJob, { checkpoints, damaged }: Stretch): Promise<number[]> {
  const altered = [...damaged];
  for (const record of checkpoints) {
    if (!await job.deps.artifacts.verify(record)) altered.push(record.checkpoint);
  }
  return altered;
}

async function recompute(
  job: LiveJob,
  stretch: Stretch,
  altered: number[],
  link: Worker,
): Promise<Outcome> {
  const { point, take, from, to, steps, commands, checkpoints } = stretch;
  assertSameRuntime(job, stretch, link);
  const { artifacts } = job.deps;
  const { step: differs, tensor, compared, steps: count, ...applied } = await link.send("certify", {
    steps,
    commands,
    checkpoints: checkpoints.map(({ checkpoint, step, path }) => ({
      checkpoint,
      step,
      path: artifacts.resolve(job.id, path),
    })),
  });
  const identical = differs === null && tensor === null && altered.length === 0;
  return {
    ...applied,
    result: identical ? "identical" : "differs",
    first_step: differs,
    first_tensor: tensor,
    altered,
    take,
    checkpoint: point?.record.checkpoint ?? null,
    from,
    to,
    steps: count,
    compared,
    backend: link.started.backend.name,
    determinism: link.started.determinism,
  };
}

/** @throws {CommandFailedError} when the steps were made by another backend or version. */
function assertSameRuntime(job: LiveJob, { attempts, from, to }: Stretch, link: Worker): void {
  const now = runtimeOf(link.started);
  const { log } = job.deps;
  const started = log.read({ job: job.id, types: ["session_started"] }, 0, Number.MAX_SAFE_INTEGER)
    .map(({ data }) => JSON.parse(data) as TrainerEvent<"session_started">);
  for (const attempt of attempts) {
    const then = started.findLast(({ run_gen }) => run_gen === attempt);
    const was: Record<string, string> = then === undefined ? {} : runtimeOf(then);
    const other = Object.keys({ ...was, ...now }).find((field) => was[field] !== now[field]);
    if (other === undefined) continue;
    throw new CommandFailedError(
      "runtime_changed",
      `attempt ${attempt}, which trained some of steps ${from + 1} to ${to}, had ` +
        `${other} ${was[other] ?? "unknown"}; a worker has ${now[other] ?? "none"} now, so that ` +
        `other bits would mean nothing`,
      { was, now },
    );
  }
}

function runtimeOf(
  { backend, runtime }: Pick<TrainerEvent<"session_started">, "backend" | "runtime">,
): Record<string, string> {
  const facts = { backend: backend.name, ...runtime };
  return Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, `${value}`]));
}
