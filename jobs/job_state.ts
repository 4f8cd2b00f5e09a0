/**
 * The states of a job, the ways from one to another, and which command each state takes.
 *
 * A job is queued until it has a slot, starting until its worker has a model, then running. Pausing
 * and stopping last from the request to the batch boundary. Paused keeps the worker; parked is
 * paused without one. Recovering is what a job is in while a new worker takes the place of one that
 * died. Completed, stopped and failed are ends, yet a command that needs the model still gets a
 * worker, and a raised budget or a rewind brings the job back.
 */
import { z } from "zod";

/** Every state of a job. */
export const JobState = z.enum([
  "queued",
  "starting",
  "running",
  "pausing",
  "paused",
  "parked",
  "recovering",
  "stopping",
  "completed",
  "stopped",
  "failed",
]);
/** State of a job. */
export type JobState = z.infer<typeof JobState>;

/** The allowed transitions, from each state to its followers. */
export const TRANSITIONS: Record<JobState, readonly JobState[]> = {
  queued: ["starting", "parked", "stopped", "failed"],
  starting: [
    "running",
    "paused",
    "pausing",
    "stopping",
    "parked",
    "recovering",
    "stopped",
    "failed",
    "completed",
  ],
  running: ["pausing", "paused", "stopping", "recovering", "completed", "stopped", "failed"],
  pausing: [
    "paused",
    "running",
    "stopping",
    "recovering",
    "parked",
    "completed",
    "stopped",
    "failed",
  ],
  paused: ["running", "parked", "queued", "stopping", "recovering", "stopped", "failed"],
  parked: ["queued", "starting", "stopped", "failed"],
  recovering: ["starting", "running", "queued", "parked", "stopped", "failed"],
  stopping: ["stopped", "completed", "recovering", "failed"],
  completed: ["queued", "parked"],
  stopped: ["queued", "parked"],
  failed: ["parked"],
};

/** States in which nothing runs and nothing will, unless somebody asks. */
export const ENDED: ReadonlySet<JobState> = new Set(["completed", "stopped", "failed"]);

/** States in which a worker trains, is about to, or waits at the gate. */
export const LIVE: ReadonlySet<JobState> = new Set([
  "starting",
  "running",
  "pausing",
  "paused",
  "recovering",
  "stopping",
]);

/** What a person can ask of a job. */
export const JobAction = z.enum([
  "pause",
  "resume",
  "stop",
  "hparams",
  "rewind",
  "reset",
  "test",
  "checkpoint",
  "fork",
  "merge",
  "report",
  "health",
  "certificate",
  "delete",
]);
/** What a person can ask of a job. */
export type JobAction = z.infer<typeof JobAction>;

/** What a job takes while a worker trains, is about to, or waits at the gate. */
const AT_WORK: readonly JobAction[] = JobAction.options.filter((action) => action !== "delete");

const NEEDS_MODEL: readonly JobAction[] = [
  "test",
  "checkpoint",
  "fork",
  "merge",
  "report",
  "health",
  "certificate",
];

/**
 * The actions each state takes. An ended job takes `resume` only with a raised budget, and a queued
 * one takes what needs a model only once it has a checkpoint; both are checked where the request is.
 */
export const ALLOWED: Record<JobState, readonly JobAction[]> = {
  queued: ["pause", "stop", "hparams", "delete"],
  starting: AT_WORK,
  running: AT_WORK,
  pausing: AT_WORK,
  paused: AT_WORK,
  parked: JobAction.options,
  recovering: AT_WORK,
  stopping: ["stop"],
  completed: ["resume", "rewind", "reset", ...NEEDS_MODEL, "delete"],
  stopped: ["resume", "rewind", "reset", ...NEEDS_MODEL, "delete"],
  failed: ["rewind", "reset", ...NEEDS_MODEL, "delete"],
};

/** What a job in this state takes: a queued or ended one needs a checkpoint for what needs a model. */
export function actionsOf(state: JobState, hasCheckpoint: boolean): readonly JobAction[] {
  const actions = ALLOWED[state];
  if (state === "queued" && hasCheckpoint) return [...actions, ...NEEDS_MODEL];
  if (!ENDED.has(state) || hasCheckpoint) return actions;
  return actions.filter((action) => !["rewind", "reset", ...NEEDS_MODEL].includes(action));
}

/** Whether the table lets a job go from one state to another. */
export function canTransition(from: JobState, to: JobState): boolean {
  return TRANSITIONS[from].includes(to);
}
