import type { WireHparams } from "../protocol/hparams.ts";
import { type JobConfig, toWireConfig } from "../protocol/job_config.ts";

/** Hyperparameters that may change while a run trains. */
export interface LiveHparams extends
  Pick<
    JobConfig,
    "momentum" | "gradClipNorm" | "gradClipValue" | "batchSize" | "schedule" | "hparams"
  > {
  /** The learning rate, or the base that a schedule works from. */
  lr: number;
}

/** Hyperparameters as events, receipts and checkpoints show them. */
export function wireHparams(hparams: LiveHparams): WireHparams {
  return toWireConfig(hparams) as WireHparams;
}

/** Some of the hyperparameters. */
export type SomeHparams = { [K in keyof WireHparams]?: WireHparams[K] | undefined };

/** Hyperparameters with what a patch, or a checkpoint, says of them; it may be silent of some. */
export function patchHparams(before: LiveHparams, patch: SomeHparams): LiveHparams {
  const or = <T>(value: T | undefined, otherwise: T): T => value === undefined ? otherwise : value;
  return {
    lr: or(patch.lr, before.lr),
    momentum: or(patch.momentum, before.momentum),
    gradClipNorm: or(patch.grad_clip_norm, before.gradClipNorm),
    gradClipValue: or(patch.grad_clip_value, before.gradClipValue),
    batchSize: or(patch.batch_size, before.batchSize),
    schedule: or(patch.schedule, before.schedule),
    hparams: { ...before.hparams, ...patch.hparams },
  };
}
