import type { EventType, ServerEvents, TrainerEvents } from "../../runtime/protocol/events.ts";
import { ForkFacts } from "../../runtime/protocol/fork.ts";
import { HPARAM_NAMES, type WireHparams } from "../../runtime/protocol/hparams.ts";
import { forManifest, GateResult } from "../../runtime/protocol/merge_gate.ts";
import type { LoggedEvent } from "../events/event_log.ts";
import { foldValidation, forgetBeyond } from "./validation_figures.ts";
import { type CheckpointRecord, ENDED, type JobFigures, type JobManifest } from "../job.ts";

type EventFields = TrainerEvents & ServerEvents;
type Fold<T extends EventType> = (
  manifest: JobManifest,
  fields: EventFields[T],
  ts: number,
) => Partial<JobManifest>;

/** Figures before anything was measured. */
export const NO_FIGURES: JobFigures = {
  step: null,
  loss: null,
  accuracy: null,
  val_loss: null,
  val_accuracy: null,
  test_loss: null,
  test_accuracy: null,
};

/**
 * What each event changes. The log is the truth and the manifest follows from it, live and at start
 * alike; events that are not named here change only how far the manifest has read.
 */
const FOLDS: { readonly [T in EventType]?: Fold<T> } = {
  state_changed: (manifest, { from: _, to, goal, error }, ts) => {
    const state = to as JobManifest["state"];
    return {
      state,
      goal: (goal ?? manifest.goal) as JobManifest["goal"],
      error: (error ?? null) as JobManifest["error"],
      started_at: manifest.started_at ?? (state === "starting" ? ts : null),
      finished_at: ENDED.has(state) ? ts : null,
    };
  },
  attempt_started: (_, { attempt, threads, isolation }) => ({ attempt, threads, isolation }),
  // A later attempt is told the config in effect, and says it again as it was at its checkpoint.
  session_started: (manifest, started) => ({
    ...(manifest.dataset === null ? { config: started.config } : {}),
    dataset: started.dataset,
    selected: started.selected,
    ...started.fork && { fork: ForkFacts.parse(started.fork) },
    backend: started.backend,
    determinism: started.determinism,
    steps_per_epoch: started.steps_per_epoch,
  }),
  priority_changed: (_, { priority }) => ({ priority }),
  config_changed: (manifest, { config }) => ({ config: { ...manifest.config, ...config } }),
  hparams_changed: (manifest, changed) => ({
    config: { ...manifest.config, ...hparamsOf(changed) },
    steps_per_epoch: changed.steps_per_epoch ?? manifest.steps_per_epoch,
  }),
  command_applied: (manifest, { command, payload }) =>
    command === "resume" ? { config: { ...manifest.config, ...payload } } : {},
  trainStep: ({ metrics }, { step, epoch, loss, accuracy, val_loss }) => ({
    step,
    epoch,
    metrics: {
      ...metrics,
      last: { ...metrics.last, step, loss, accuracy, val_loss: val_loss ?? metrics.last.val_loss },
    },
  }),
  epoch_end: (_, { epoch }) => ({ epoch }),
  checkpoint_loaded: (_, { step, epoch }) => ({ step, epoch }),
  session_reset: (manifest, { step, epoch, config }) => ({
    step,
    epoch,
    config: { ...manifest.config, ...config },
  }),
  validation: ({ metrics }, validation) => {
    const { step, val_loss, val_accuracy } = validation;
    const last = { ...metrics.last, val_loss, val_accuracy };
    const better = val_loss !== null &&
      (metrics.best.val_loss === null || val_loss < metrics.best.val_loss);
    const best = { ...last, step, test_loss: null, test_accuracy: null };
    const val = foldValidation(metrics.val ?? {}, validation);
    return { metrics: { last, best: better ? best : metrics.best, val } };
  },
  merge_gate: (_, judged) => ({ gate: forManifest(GateResult.parse(judged)) }),
  artifact_created: ({ test_looks }, { split }) =>
    split === "test" ? { test_looks: test_looks + 1 } : {},
  test_complete: countTest,
  auto_test_complete: countTest,
};

/** The hyperparameters that an event names; scripts of earlier releases name but two. */
function hparamsOf(changed: Partial<WireHparams>): Partial<WireHparams> {
  const named = HPARAM_NAMES.filter((name) => changed[name] !== undefined);
  return Object.fromEntries(named.map((name) => [name, changed[name]]));
}

/** Every look at the test split counts; none of them ever decides what is best. */
function countTest(
  { metrics, test_looks }: JobManifest,
  { split, loss, accuracy }: TrainerEvents["test_complete"],
): Partial<JobManifest> {
  if (split !== "test") return {};
  const last = { ...metrics.last, test_loss: loss, test_accuracy: accuracy };
  return { metrics: { ...metrics, last }, test_looks: test_looks + 1 };
}

/**
 * The manifest after one more event of its job. Pure: same manifest, same event, same answer.
 *
 * @param fields The event's data where the caller has parsed it already.
 */
export function foldEvent(
  manifest: JobManifest,
  event: LoggedEvent,
  fields: unknown = JSON.parse(event.data),
): JobManifest {
  const opened = event.take > manifest.take ? openTake(manifest, event) : manifest;
  const fold = FOLDS[event.type as EventType] as Fold<EventType> | undefined;
  const { ts } = fields as { ts: number };
  const changes = fold?.(opened, fields as EventFields[EventType], ts);
  return { ...opened, ...changes, seq: event.seq };
}

/** What a new take forgets: figures at steps that are no longer the run's. */
function openTake(manifest: JobManifest, { take, step }: LoggedEvent): JobManifest {
  const { best } = manifest.metrics;
  const kept = best.step !== null && best.step > step ? NO_FIGURES : best;
  const { val } = manifest.metrics;
  const metrics = {
    ...manifest.metrics,
    best: kept,
    ...(val === undefined ? {} : { val: forgetBeyond(val, step) }),
  };
  return { ...manifest, take, step, metrics };
}

/** The record of a checkpoint, from the event that announced it. Nobody has pinned it yet. */
export function checkpointOf(
  event: LoggedEvent,
  fields: unknown = JSON.parse(event.data),
): CheckpointRecord {
  const saved = fields as TrainerEvents["checkpoint_saved"] & { run_gen: number; ts: number };
  return {
    job: event.job,
    checkpoint: saved.checkpoint,
    take: event.take,
    attempt: saved.run_gen,
    step: saved.step,
    axis_step: saved.axis_step,
    epoch: saved.epoch,
    path: `checkpoints/${saved.run_gen}/${saved.file}`,
    bytes: saved.bytes,
    sha256: saved.sha256,
    reason: saved.reason,
    label: saved.label,
    pinned_by: [],
    created_at: saved.ts,
    seq: event.seq,
  };
}
