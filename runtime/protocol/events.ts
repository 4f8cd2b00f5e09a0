/**
 * Events: what a trainer tells the server, one JSON object a line, numbered by `event_seq`.
 *
 * The trainer's duty: numbers rise by one within an attempt; events leave in the order in which
 * they happened; an unacknowledged event is never dropped; non-finite numbers travel as null.
 * The server's duty: give each a number of its own in one log, make it durable before a subscriber
 * sees it, then acknowledge.
 */

import type { ForkFacts } from "./fork.ts";
import type { GateResult } from "./merge_gate.ts";
import type { HealthReport } from "./health.ts";
import type { HparamsChange, WireHparams } from "./hparams.ts";

/** Fields that every event carries on the wire. */
export interface EventStamp {
  run_id: string;
  /** The attempt: the n-th worker of this job. */
  run_gen: number;
  session_id: string;
  event_seq: number;
  /** Milliseconds since the epoch, on the trainer's clock. */
  ts: number;
}

/** Events a trainer sends, by type, without their stamp. `step` and `epoch` are the job's own. */
export interface TrainerEvents {
  session_started: {
    capabilities: string[];
    protocol: number;
    backend: { name: string; reason: string };
    determinism: "exact" | "same_machine" | "none";
    /** Effective config, snake_case: module, overrides, defaults. */
    config: Record<string, unknown>;
    dataset: { hash: string; train: number; val: number; test: number };
    /** Training samples in use, where a selection picked them. */
    selected: number | null;
    /** What a fork's first worker found when it began. */
    fork?: ForkFacts;
    model: { parameters: number; weights: number };
    step: number;
    epoch: number;
    axis_step: number;
    steps_per_epoch: number;
    runtime: Record<string, string | number>;
  };
  trainStep: {
    step: number;
    axis_step: number;
    epoch: number;
    loss: number | null;
    val_loss: number | null;
    accuracy: number | null;
    lr: number | null;
    grad_norm: number | null;
    weight_norm: number | null;
    activation_zero_frac: number | null;
    /** Samples a second. */
    throughput: number | null;
    mem_vram: number | null;
    gpu_util: number | null;
  } & Record<string, number | null>;
  testStep: { step: number; split: string; batch: number; batches: number; loss: number | null };
  test_complete: TestEvent;
  auto_test_complete: TestEvent;
  epoch_end: { step: number; epoch: number; loss: number | null; accuracy: number | null };
  validation: {
    step: number;
    epoch: number;
    samples: number;
    val_loss: number | null;
    val_accuracy: number | null;
    metrics: Record<string, number | null>;
    /** Of the figures in `metrics` that get better: which way. */
    directions?: Record<string, "min" | "max">;
    /** The same on what a fork's own rule picks of val; absent where it has no such slice. */
    val_slice?: { samples: number; loss: number | null; accuracy: number | null };
  };
  paused: {
    step: number;
    epoch: number;
    reason: "command" | "non_finite" | "test";
    checkpoint: number | null;
  };
  resumed: { step: number; epoch: number };
  checkpoint_saved: {
    checkpoint: number;
    step: number;
    axis_step: number;
    epoch: number;
    file: string;
    bytes: number;
    sha256: string;
    reason: SaveReason;
    label: string | null;
  };
  checkpoint_loaded: { checkpoint: number; step: number; epoch: number };
  session_reset: {
    step: number;
    epoch: number;
    /** Hyperparameters as they are at the start again. */
    config: Record<string, unknown>;
  };
  /** `split`: the one that it shows samples of; each of `test` is a look at it. */
  artifact_created: { name: string; bytes: number; split?: string };
  log: {
    level: "debug" | "info" | "warn" | "error";
    message: string;
    source: "trainer" | "module" | "stdout" | "stderr";
  };
  error: { message: string; stack: string | null; fatal: boolean; phase: string; step: number };
  stopping: { step: number; epoch: number };
  trainingFinished: {
    step: number;
    epoch: number;
    reason: "max_epochs" | "max_steps" | "callback" | "stopped";
  };
  command_applied: {
    command_id: string | null;
    command: string;
    payload: Record<string, unknown>;
    applied_at_step: number;
    epoch: number;
  };
  hparams_changed: WireHparams & {
    step: number;
    epoch: number;
    steps_per_epoch: number;
    changed: HparamsChange;
  };
  progress: { task: string; done: number; total: number; step: number };
  merge_gate: { step: number } & GateResult;
  health: HealthReport & { step: number; epoch: number };
}

type TestEvent = {
  step: number;
  epoch: number;
  split: string;
  label: string | null;
  samples: number;
  loss: number | null;
  accuracy: number | null;
  metrics: Record<string, number | null>;
  checkpoint: number | null;
};

/** Why a checkpoint was saved. */
export type SaveReason =
  | "cadence"
  | "pause"
  | "explicit"
  | "callback"
  | "fork"
  | "merge"
  | "report"
  | "stop"
  | "start"
  | "rewind"
  | "hparams"
  | "final"
  | "shutdown";

/** Events that the server itself writes into a job's log, without their stamp. */
export interface ServerEvents {
  newRun: { run_name: string; project: string; kind: string; parents: string[] };
  state_changed: {
    from: string | null;
    to: string;
    reason: string | null;
    /** What the job heads for from now on; absent when that stays. */
    goal?: string;
    error?: unknown;
  };
  /** A worker's process is there and is about to get its context. */
  attempt_started: {
    attempt: number;
    mode: "train" | "serve";
    threads: number;
    isolation: string;
    process: { pid: number; startTime: string } | null;
  };
  /** Config keys that changed while no worker was there to be told; snake_case. */
  config_changed: { config: Record<string, unknown> };
  priority_changed: { priority: number; actor: string };
  /** Names that children of the session get go on behind these numbers. */
  counters_set: { fork: number; merge: number };
  /** A stage of a plan is done; in the log of its session's root. */
  improve_stage: { plan: string; round: number; stage: string; detail: Record<string, unknown> };
  recovered: { attempt: number; checkpoint: number | null; step: number; skipped: number[] };
  replay_diverged: { step: number; field: string; logged: number | null; replayed: number | null };
  runtime_changed: { field: string; from: string; to: string };
  finalizeRun: { run_name: string; state: string };
}

/** Type of an event that a trainer sends. */
export type TrainerEventType = keyof TrainerEvents;
/** Type of an event in a job's log. */
export type EventType = TrainerEventType | keyof ServerEvents;

/** An event on the wire. */
export type TrainerEvent<T extends TrainerEventType = TrainerEventType> = {
  [K in T]: { type: K } & TrainerEvents[K] & EventStamp;
}[T];

/** Every type a trainer may send; anything else is refused. */
export const TRAINER_EVENT_TYPES: Record<TrainerEventType, true> = {
  session_started: true,
  trainStep: true,
  testStep: true,
  test_complete: true,
  auto_test_complete: true,
  epoch_end: true,
  validation: true,
  paused: true,
  resumed: true,
  checkpoint_saved: true,
  checkpoint_loaded: true,
  session_reset: true,
  artifact_created: true,
  log: true,
  error: true,
  stopping: true,
  trainingFinished: true,
  command_applied: true,
  hparams_changed: true,
  progress: true,
  merge_gate: true,
  health: true,
};

/** Every type that the server writes itself. */
export const SERVER_EVENT_TYPES: Record<keyof ServerEvents, true> = {
  newRun: true,
  state_changed: true,
  attempt_started: true,
  config_changed: true,
  priority_changed: true,
  counters_set: true,
  improve_stage: true,
  recovered: true,
  replay_diverged: true,
  runtime_changed: true,
  finalizeRun: true,
};

/** Version of this wire, sent in `session_started`. */
export const PROTOCOL_VERSION = 1;
