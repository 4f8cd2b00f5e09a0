/** Hyperparameters that may change while a run trains: which, in what range, and what a change is. */
import { z } from "zod";
import { JobConfig, UserHparams } from "./job_config.ts";
import type { ScheduleChoice } from "./schedule_spec.ts";

const { lr, momentum, gradClipNorm, gradClipValue, batchSize, schedule } = JobConfig.shape;

/** A change of hyperparameters; each key is the config key of that name. */
export const HparamsPatch = z.strictObject({
  lr: lr.unwrap().optional().describe("learning rate; where a schedule runs, its base"),
  momentum: momentum.unwrap().optional(),
  grad_clip_norm: gradClipNorm.optional(),
  grad_clip_value: gradClipValue.optional(),
  batch_size: batchSize.optional(),
  schedule: schedule.optional(),
  hparams: UserHparams.optional(),
});
/** A change of hyperparameters. */
export type HparamsPatch = z.infer<typeof HparamsPatch>;

/** Every hyperparameter in effect, as events, receipts and checkpoints show it. */
export type WireHparams = {
  lr: number;
  /** Null where the optimizer has none. */
  momentum: number | null;
  grad_clip_norm: number | null;
  grad_clip_value: number | null;
  batch_size: number;
  schedule: ScheduleChoice;
  hparams: UserHparams;
};

/** What changed: by name, the user's own as `hparams.<name>`, from what to what. */
export type HparamsChange = Record<string, { from: unknown; to: unknown }>;

/** Names of the hyperparameters, as the wire has them. */
export const HPARAM_NAMES = Object.keys(HparamsPatch.shape) as (keyof WireHparams)[];

/** A hyperparameter that cannot be what was asked for; `field` is named as the wire names it. */
export class HparamError extends Error {
  override name = "HparamError";
  constructor(readonly field: string, reason: string) {
    super(`${field}: ${reason}`);
  }
}

/**
 * Throws unless each of `given` is declared, and of the declared kind.
 *
 * @param declared The user hyperparameters that the module declares.
 * @throws {HparamError} that names the field and what there is.
 */
export function checkUserHparams(declared: UserHparams, given: UserHparams): void {
  for (const [name, value] of Object.entries(given)) {
    const own = Object.hasOwn(declared, name) ? declared[name] : undefined;
    if (own === undefined) {
      const names = Object.keys(declared).join(", ");
      const there = names === "" ? "it declares none" : `there are ${names}`;
      throw new HparamError(`hparams.${name}`, `the module declares no such one; ${there}`);
    }
    if (typeof own !== typeof value) {
      throw new HparamError(`hparams.${name}`, `expected a ${typeof own}, got a ${typeof value}`);
    }
  }
}

/** What differs between two states of hyperparameters; a key that one of them lacks counts as null. */
export function hparamsChange(
  before: Partial<Record<keyof WireHparams, unknown>>,
  after: Partial<Record<keyof WireHparams, unknown>>,
): HparamsChange {
  const was = flat(before);
  const is = flat(after);
  return Object.fromEntries(
    Object.keys({ ...was, ...is })
      .map((name) => [name, { from: was[name] ?? null, to: is[name] ?? null }] as const)
      .filter(([, { from, to }]) => JSON.stringify(from) !== JSON.stringify(to)),
  );
}

function flat({ hparams, ...rest }: Partial<Record<keyof WireHparams, unknown>>) {
  const own = Object.entries(hparams ?? {}).map(([name, value]) => [`hparams.${name}`, value]);
  return { ...rest, ...Object.fromEntries(own) } as Record<string, unknown>;
}
