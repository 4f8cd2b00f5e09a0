import type { TrainerEvent, TrainerEventType } from "../../runtime/protocol/events.ts";
import type { Attempt } from "./attempt.ts";
import { beyondRing } from "./checkpoint_ring.ts";
import type { LoggedEvent } from "../events/event_log.ts";
import { LIVE } from "../job.ts";
import { checkpointOf } from "./job_projection.ts";
import type { LiveJob } from "./live_job.ts";
import type { ReceivedEvent } from "../workers/trainer_link.ts";

type Reaction<T extends TrainerEventType> = (
  job: LiveJob,
  event: TrainerEvent<T>,
  attempt: Attempt,
  logged: LoggedEvent | null,
) => void;

/** What the job does about an event of its worker, beyond keeping it. */
const REACTIONS: { readonly [T in TrainerEventType]?: Reaction<T> } = {
  session_started: onReady,
  checkpoint_saved: (job, event, _attempt, logged) => {
    const checkpoint = logged && checkpointOf(logged, event);
    if (checkpoint !== null && job.hasFile(checkpoint)) keepCheckpoint(job, checkpoint);
  },
  error: (_job, event, attempt) => {
    if (event.fatal) attempt.fatal = event;
  },
  paused: (job, event, attempt) => {
    if (attempt.mode === "serve") return;
    const goal = event.reason === "command" ? job.record.manifest.goal : "paused";
    job.onPaused(goal === "parked" ? "parked" : "paused", event.reason);
  },
  resumed: (job, _event, attempt) => {
    if (attempt.mode === "train" && job.state !== "running" && job.state !== "stopping") {
      job.goTo("running", "resumed", { goal: "running" });
    }
  },
  trainingFinished: (job, { reason }, attempt) => {
    attempt.finished = true;
    if (LIVE.has(job.state)) job.goTo(reason === "stopped" ? "stopped" : "completed", reason);
    job.inBackground(attempt.close());
  },
};

/**
 * Takes an event off a worker's line: repetitions are dropped, everything else is stamped with its
 * take and logged, and the job follows it. Called in order, synchronously.
 */
export function receiveEvent(job: LiveJob, received: ReceivedEvent, attempt: Attempt): void {
  const { event } = received;
  const changes = event.type === "session_started" ? runtimeChanges(job, event) : [];
  const logged = keepEvent(job, received, attempt);
  for (const change of changes) job.record.append("runtime_changed", change);
  if (changes.length > 0) attempt.runtimeChanged = true;
  const react = REACTIONS[event.type] as Reaction<TrainerEventType> | undefined;
  react?.(job, event, attempt, logged);
}

function keepEvent(
  { record }: LiveJob,
  received: ReceivedEvent,
  attempt: Attempt,
): LoggedEvent | null {
  const { event } = received;
  const verdict = attempt.filter.judge(event);
  if (verdict.kind === "drop") return null;
  const step = stepOf(event) ?? record.manifest.step;
  let { take } = record.manifest;
  if (event.type === "checkpoint_loaded" || event.type === "session_reset") take++;
  if (verdict.kind === "diverged") {
    take++;
    const { field, logged, replayed } = verdict;
    if (!attempt.runtimeChanged) {
      record.append("replay_diverged", { step, field, logged, replayed }, { take, step });
    }
  }
  return record.appendReceived(received, take, step);
}

function stepOf(event: TrainerEvent): number | undefined {
  if (event.type === "command_applied") return event.applied_at_step;
  if (event.type === "error" && event.fatal) return undefined;
  return "step" in event ? event.step : undefined;
}

function onReady(job: LiveJob, event: TrainerEvent<"session_started">, attempt: Attempt): void {
  attempt.ready = true;
  const { plan, mode, number } = attempt;
  const { state, goal, take } = job.record.manifest;
  if (mode === "train") {
    if (job.recovering || plan.skipped.length > 0 || !plan.continuous) {
      const { step } = event;
      job.record.append("recovered", {
        attempt: number,
        checkpoint: plan.point?.record.checkpoint ?? null,
        step,
        skipped: plan.skipped,
      }, { step, take: plan.continuous ? take : take + 1 });
    }
    job.recovering = false;
    if (state === "starting" && goal === "running") job.goTo("running", null);
    if (state === "starting" && goal === "stopped") job.goTo("stopping", null);
  }
  job.signal();
}

/** What differs from the runtime that the last worker reported. */
function runtimeChanges(
  job: LiveJob,
  event: TrainerEvent<"session_started">,
): { field: string; from: string; to: string }[] {
  const before = job.deps.log.newest(job.id, ["session_started"]);
  if (before === null) return [];
  const last = JSON.parse(before.data) as TrainerEvent<"session_started">;
  const was: Record<string, unknown> = { ...last.runtime, backend: last.backend.name };
  const is: Record<string, unknown> = { ...event.runtime, backend: event.backend.name };
  return Object.keys({ ...was, ...is })
    .filter((field) => was[field] !== is[field])
    .map((field) => ({ field, from: `${was[field] ?? null}`, to: `${is[field] ?? null}` }));
}

function keepCheckpoint(job: LiveJob, checkpoint: ReturnType<typeof checkpointOf>): void {
  const { record, deps } = job;
  record.putCheckpoint(checkpoint);
  const keep = Number(record.manifest.config["ckpt_keep"] ?? 1);
  record.dropCheckpoints(
    beyondRing(record.checkpoints.values(), keep, job.held),
    (dropped) => deps.artifacts.removeCheckpoint(dropped),
  );
}
