import type { TrainerEvents } from "../../runtime/protocol/events.ts";
import type { ReplayCommand } from "../../runtime/protocol/commands.ts";
import type { EventLog, LoggedEvent } from "../events/event_log.ts";
import type { CheckpointRecord } from "../job.ts";
import type { ReplayRange } from "./replay_filter.ts";

/** Where a job can go on: a checkpoint, and since which event its state is that of the job. */
export interface RestorePoint {
  record: CheckpointRecord;
  /** Its `checkpoint_saved`, or the `checkpoint_loaded` that brought the job back to it. */
  seq: number;
  take: number;
}

/** How a worker goes on where the job was. */
export interface RecoveryPlan {
  /** Null: from where the job began. */
  point: RestorePoint | null;
  /** Checkpoints that are newer and damaged, newest first. */
  skipped: number[];
  range: ReplayRange;
  commands: ReplayCommand[];
  /** Whether what the log has can be trained again; if not, a new take begins. */
  continuous: boolean;
}

const ALL = Number.MAX_SAFE_INTEGER;

/** Every place where the job can go on, newest first. Only what is durable counts. */
export function restorePoints(
  log: EventLog,
  job: string,
  checkpoints: Iterable<CheckpointRecord>,
): RestorePoint[] {
  const records = new Map([...checkpoints].map((record) => [record.checkpoint, record]));
  const points = [...records.values()].map((record): RestorePoint => ({
    record,
    seq: record.seq,
    take: record.take,
  }));
  for (const event of log.read({ job, types: ["checkpoint_loaded"] }, 0, ALL)) {
    const { checkpoint } = fields<TrainerEvents["checkpoint_loaded"]>(event);
    const record = records.get(checkpoint);
    if (record) points.push({ record, seq: event.seq, take: event.take });
  }
  const { seq: began } = lastBeginning(log, job);
  return points.filter(({ seq }) => seq > began).sort((a, b) => b.seq - a.seq);
}

/** Where the job began last: at its first event, or when it was reset. Nothing older is its state. */
function lastBeginning(log: EventLog, job: string): { seq: number; take: number } {
  return log.newest(job, ["session_reset"]) ?? { seq: 0, take: 1 };
}

/**
 * Which checkpoint a worker starts from and what it does again: the newest one whose file is sound,
 * then every step and every change of hyperparameters that the log has after it. Budgets need no
 * repetition, they are the config's; nor do rewinds, each of which is a place to go on itself.
 *
 * @param verify Whether a checkpoint's file is there with the bytes it was saved with.
 */
export async function planRecovery(
  log: EventLog,
  job: { id: string; take: number },
  checkpoints: Iterable<CheckpointRecord>,
  verify: (record: CheckpointRecord) => Promise<boolean>,
): Promise<RecoveryPlan> {
  const sound = new Map<number, boolean>();
  const skipped: number[] = [];
  let point: RestorePoint | null = null;
  for (const candidate of restorePoints(log, job.id, checkpoints)) {
    const { checkpoint } = candidate.record;
    if (!sound.has(checkpoint)) {
      sound.set(checkpoint, await verify(candidate.record));
      if (!sound.get(checkpoint)) skipped.push(checkpoint);
    }
    if (sound.get(checkpoint)) {
      point = candidate;
      break;
    }
  }
  const { seq: since, take: fromTake } = point ?? lastBeginning(log, job.id);
  const later = log.read(
    { job: job.id, types: ["checkpoint_loaded", "command_applied"] },
    since,
    ALL,
  );
  const continuous = !later.some(({ type }) => type === "checkpoint_loaded");
  return {
    point,
    skipped,
    continuous,
    range: {
      untilStep: continuous ? log.lastStep(job.id, job.take) : 0,
      fromTake,
      toTake: job.take,
    },
    commands: continuous ? later.flatMap(hyperparameterChange) : [],
  };
}

/** The change that a `command_applied` is of, to be made again; none for other commands. */
export function hyperparameterChange(event: LoggedEvent): ReplayCommand[] {
  const { command, payload, applied_at_step } = fields<TrainerEvents["command_applied"]>(event);
  return command === "set_hparams" ? [{ command, payload, applied_at_step }] : [];
}

function fields<T>(event: LoggedEvent): T {
  return JSON.parse(event.data) as T;
}
