import { z } from "zod";
import { JobConfig } from "../protocol/job_config.ts";

const count = z.number().int().min(0);

/** The state that a checkpoint's metadata holds; see `TrainingRun.captureState`. */
export const RunState = z.looseObject({
  numerics_version: count,
  seed: count,
  step: count,
  origin_step: count,
  axis_step: count,
  epoch: count,
  sampler: z.strictObject({ epoch: count, cursor: count }),
  hparams: z.strictObject({
    lr: z.number().positive(),
    grad_clip_norm: z.number().positive().nullable(),
    // What checkpoints of earlier releases lack is then the config's.
    momentum: z.number().nullable().optional(),
    grad_clip_value: JobConfig.shape.gradClipValue.optional(),
    batch_size: JobConfig.shape.batchSize.optional(),
    schedule: JobConfig.shape.schedule.optional(),
    hparams: JobConfig.shape.hparams.optional(),
  }),
  val_loss: z.number().nullable(),
  tested_at: count.nullable().default(null),
  totals: z.strictObject({ samples: count, loss: z.number(), correct: z.number().nullable() }),
  /** Absent in checkpoints of before there was loss scaling. */
  scaler: z.strictObject({ scale: z.number().min(1), streak: count, skipped: count })
    .nullable().default(null),
  schedule: z.record(z.string(), z.number().nullable()).nullable(),
  /** Where the module's own schedule began to count; absent: at the axis' beginning. */
  schedule_from: z.strictObject({ step: count, epoch: count }).nullable().default(null),
  callbacks: z.array(z.record(z.string(), z.number().nullable()).nullable()),
});
/** The state that a checkpoint's metadata holds. */
export type RunState = z.infer<typeof RunState>;
