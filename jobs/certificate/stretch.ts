import { type CertifyPayload, MAX_CERTIFIED_STEPS } from "../../runtime/protocol/certificate.ts";
import type { TrainerEvent } from "../../runtime/protocol/events.ts";
import { damaged } from "../life/control_commands.ts";
import { ConflictError, UnprocessableError } from "../errors.ts";
import type { LoggedEvent } from "../events/event_log.ts";
import type { CheckpointRecord } from "../job.ts";
import type { LiveJob } from "../life/live_job.ts";
import { hyperparameterChange, type RestorePoint, restorePoints } from "../life/recovery.ts";

/** Which steps a certificate is of: both are steps of one take. */
export interface CertificateRange {
  from?: number | undefined;
  to?: number | undefined;
  /** The newest that has the last step, unless it is named. */
  take?: number | undefined;
}

/** Steps of one take behind a checkpoint, with all that was kept of them. */
export interface Stretch {
  /** Null: where the job began. */
  point: RestorePoint | null;
  take: number;
  from: number;
  to: number;
  steps: CertifyPayload["steps"];
  commands: CertifyPayload["commands"];
  /** Checkpoints that were saved on the way. */
  checkpoints: CheckpointRecord[];
  /** It would have begun at these, whose files are no longer what was saved. */
  damaged: number[];
  /** Attempts that trained these steps. */
  attempts: Set<number>;
}

const ALL = Number.MAX_SAFE_INTEGER;
/** Steps that are read in one turn of the event loop. */
const AT_ONCE = 500;

/**
 * What of a job can be trained again and compared: by default the newest take, from the oldest
 * checkpoint that is kept of it.
 *
 * @throws {UnprocessableError} for a range that no single take has.
 * @throws {ConflictError} when nothing is kept that it could begin from.
 * @throws {CommandFailedError} when every file that it could begin from is damaged.
 */
export async function stretchOf(job: LiveJob, range: CertificateRange): Promise<Stretch> {
  await job.deps.log.durable();
  const { take, to } = lastStepOf(job, range);
  const { point, damaged } = await startOf(job, take, to, range.from);
  const from = point?.record.step ?? 0;
  const since = point?.seq ?? beginningOf(job, take) ?? 0;
  const { steps, attempts } = await stepsOf(job, take, from, to);
  const { log } = job.deps;
  const commands = log.read({ job: job.id, types: ["command_applied"] }, since, ALL)
    .filter((event) => event.take === take)
    .flatMap(hyperparameterChange)
    .filter(({ applied_at_step: at }) => at < to);
  const checkpoints = [...job.record.checkpoints.values()]
    .filter((record) => record.take === take && record.step > from && record.step <= to)
    .filter((record) => !isOfOtherWeights(job, record))
    .sort((a, b) => a.checkpoint - b.checkpoint);
  return { point, damaged, take, from, to, steps, commands, checkpoints, attempts };
}

/** Whether a gate at the end of training had put a parent's weights in place before it was saved. */
function isOfOtherWeights(
  { deps: { log }, id }: LiveJob,
  { seq, step }: CheckpointRecord,
): boolean {
  const gate = log.newest(id, ["merge_gate"]);
  if (gate === null || gate.seq > seq || gate.step !== step || step === 0) return false;
  return (JSON.parse(gate.data) as { outcome?: unknown }).outcome === "fallback_best";
}

/** The take, and its step `to`; its last one, unless that is named. */
function lastStepOf(
  { id, deps: { log }, record }: LiveJob,
  { to, take: named }: CertificateRange,
): { take: number; to: number } {
  const newest = record.manifest.take;
  const takes = named === undefined
    ? Array.from({ length: newest }, (_, back) => newest - back)
    : [named];
  const last = takes.map((take) => log.lastStep(id, take));
  const at = takes.findIndex((take, at) =>
    to === undefined ? last[at]! > 0 : log.trainStep(id, take, to) !== null
  );
  if (at >= 0) return { take: takes[at]!, to: to ?? last[at]! };
  const where = named === undefined ? `job ${id}` : `take ${named} of job ${id}`;
  const greatest = Math.max(...last);
  if (greatest === 0) throw new ConflictError(`${where} has trained no step`, { job: id });
  throw new UnprocessableError("to", `to: ${where} has no step ${to}; the last is ${greatest}`);
}

/**
 * The checkpoint to begin from: the newest at or before `from`, else the oldest there is. From step
 * 0 on that is where the job began, if no checkpoint of there is kept.
 */
async function startOf(
  job: LiveJob,
  take: number,
  to: number,
  from: number | undefined,
): Promise<Pick<Stretch, "point" | "damaged">> {
  const { deps: { log, artifacts }, id, record } = job;
  if (from !== undefined && from >= to) {
    throw new UnprocessableError("from", `from: step ${from} is not before step ${to}`);
  }
  const points = restorePoints(log, id, record.checkpoints.values())
    .filter((point) => point.take === take && point.record.step < to);
  const within = points
    .filter(({ record: { step } }) => to - step <= MAX_CERTIFIED_STEPS)
    .filter(({ record: { step } }) => from === undefined || step <= from)
    .sort((a, b) =>
      from === undefined ? a.record.step - b.record.step : b.record.step - a.record.step
    );
  const unsound: number[] = [];
  for (const point of within) {
    if (await artifacts.verify(point.record)) return { point, damaged: unsound };
    unsound.push(point.record.checkpoint);
  }
  if (from === 0 && beginningOf(job, take) !== null && to <= MAX_CERTIFIED_STEPS) {
    return { point: null, damaged: unsound };
  }
  if (within[0] !== undefined) throw damaged(within[0].record);
  const kept = points.map(({ record: { step } }) => step).sort((a, b) => a - b).join(", ") ||
    "none";
  if (from !== undefined && log.trainStep(id, take, from + 1) === null) {
    throw new UnprocessableError(
      "from",
      `from: step ${from} and step ${to} are of different takes (${to} is of take ${take}), and a ` +
        `certificate is of one: name another take, or begin at one of take ${take}'s checkpoints, ` +
        `which are of steps ${kept}`,
    );
  }
  const hint = beginningOf(job, take) === null ? "" : "; from 0 begins where the job began";
  const where = from === undefined ? `before step ${to}` : `at or before step ${from}`;
  throw new ConflictError(
    `no checkpoint of take ${take} ${where} is kept, within ${MAX_CERTIFIED_STEPS} steps of ${to}; ` +
      `kept ones are at steps ${kept}${hint}`,
    { job: id },
  );
}

/** Number of the event from which a take begins where the job began; null for any other take. */
function beginningOf({ deps: { log }, id }: LiveJob, take: number): number | null {
  if (take === 1) return 0;
  return log.read({ job: id, types: ["session_reset"] }, 0, ALL)
    .find((event) => event.take === take)?.seq ?? null;
}

async function stepsOf(
  { id, deps: { log } }: LiveJob,
  take: number,
  from: number,
  to: number,
): Promise<Pick<Stretch, "steps" | "attempts">> {
  const steps: Stretch["steps"] = [];
  const attempts = new Set<number>();
  for (let step = from + 1; step <= to; step++) {
    const event = log.trainStep(id, take, step);
    if (event === null) {
      throw new ConflictError(`the log has no step ${step} of take ${take}`, { job: id });
    }
    const { loss, lr, accuracy, run_gen } = trained(event);
    steps.push([loss, lr, accuracy]);
    attempts.add(run_gen);
    if (step % AT_ONCE === 0) await new Promise<void>((resolve) => setTimeout(resolve, 0));
  }
  return { steps, attempts };
}

function trained(event: LoggedEvent): TrainerEvent<"trainStep"> {
  return JSON.parse(event.data) as TrainerEvent<"trainStep">;
}
