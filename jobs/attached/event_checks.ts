import { z } from "zod";
import type { TrainerEventType } from "../../runtime/protocol/events.ts";
import { HealthReport } from "../../runtime/protocol/health.ts";
import { GateResult } from "../../runtime/protocol/merge_gate.ts";
import { JobConfig } from "../../runtime/protocol/job_config.ts";

const count = z.number().int().min(0);
const figure = z.number().nullable();
const at = { step: count, epoch: count };
const text = z.string().max(100_000);
const small = z.record(z.string().max(200), z.unknown())
  .refine((record) => JSON.stringify(record).length <= 16_384, "expected at most 16 KiB");
const tested = z.looseObject({ ...at, split: text, loss: figure, accuracy: figure });

/**
 * What must be true of an event before a job believes it. A worker's events come from our own code;
 * a script may be anybody's, and a manifest made of nonsense could not be read again.
 */
export const EVENT_CHECKS: Record<TrainerEventType, z.ZodType> = {
  session_started: z.looseObject({
    config: small,
    dataset: z.strictObject({ hash: text, train: count, val: count, test: count }),
    selected: count.nullable(),
    backend: z.strictObject({ name: text, reason: text }),
    determinism: text,
    ...at,
    steps_per_epoch: count,
    runtime: small,
  }),
  trainStep: z.looseObject({ ...at, loss: figure, accuracy: figure, val_loss: figure }),
  testStep: z.looseObject({ step: count }),
  test_complete: tested,
  auto_test_complete: tested,
  epoch_end: z.looseObject(at),
  validation: z.looseObject({
    ...at,
    val_loss: figure,
    val_accuracy: figure,
    metrics: z.record(z.string().max(200), figure).optional(),
    directions: z.record(z.string().max(200), z.enum(["min", "max"])).optional(),
  }),
  paused: z.looseObject({ ...at, reason: z.enum(["command", "non_finite", "test"]) }),
  resumed: z.looseObject(at),
  checkpoint_saved: z.looseObject({
    ...at,
    checkpoint: z.number().int().min(1),
    axis_step: count,
    file: z.string().regex(/^[\w.-]{1,100}$/),
    bytes: count,
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    reason: z.string().max(100),
    label: z.string().max(200).nullable(),
  }),
  merge_gate: GateResult.extend({ step: count }),
  checkpoint_loaded: z.looseObject({ ...at, checkpoint: z.number().int().min(1) }),
  session_reset: z.looseObject({ ...at, config: small }),
  artifact_created: z.looseObject({ name: text }),
  log: z.looseObject({ level: z.enum(["debug", "info", "warn", "error"]), message: text }),
  error: z.looseObject({
    message: text,
    stack: text.nullable(),
    fatal: z.boolean(),
    phase: z.string().max(100),
    step: count,
  }),
  stopping: z.looseObject(at),
  trainingFinished: z.looseObject({ ...at, reason: z.string().max(100) }),
  command_applied: z.looseObject({
    command: z.string().max(100),
    payload: small,
    applied_at_step: count,
    epoch: count,
  }),
  hparams_changed: z.looseObject({
    step: count,
    lr: z.number(),
    grad_clip_norm: figure,
    momentum: figure.optional(),
    grad_clip_value: figure.optional(),
    batch_size: count.optional(),
    schedule: JobConfig.shape.schedule.optional(),
    hparams: JobConfig.shape.hparams.optional(),
    steps_per_epoch: count.optional(),
    changed: small.optional(),
  }),
  progress: z.looseObject({ step: count }),
  health: z.looseObject({ ...HealthReport.shape, ...at })
    .refine((report) => JSON.stringify(report).length <= 48 * 1_024, "expected at most 48 KiB"),
};
