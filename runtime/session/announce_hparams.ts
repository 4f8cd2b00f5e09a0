import { HPARAM_NAMES, type HparamsChange, hparamsChange } from "../protocol/hparams.ts";
import { type LiveHparams, patchHparams, wireHparams } from "../training/live_hparams.ts";
import type { Session } from "./session.ts";

/** Tells which hyperparameters are others than before, and what all of them are now. */
export function announceHparams(
  { run, channel, position }: Session,
  before: LiveHparams,
): HparamsChange {
  const hparams = wireHparams(run.hparams);
  const changed = hparamsChange(wireHparams(before), hparams);
  const { stepsPerEpoch: steps_per_epoch } = run;
  channel.emit("hparams_changed", { ...position, ...hparams, steps_per_epoch, changed });
  return changed;
}

/**
 * Tells what hyperparameters a checkpoint brought back, where the config that the attempt was given
 * has others: the job was rewound while no worker was there to say so.
 */
export function announceRestored(
  session: Session,
  config: Readonly<Record<string, unknown>>,
): void {
  const hparams: Record<string, unknown> = wireHparams(session.run.hparams);
  // Null is what an optimizer has of its own.
  const given = HPARAM_NAMES.filter((name) =>
    name === "lr" || name === "momentum" ? (config[name] ?? null) !== null : name in config
  );
  const known = Object.fromEntries(given.map((name) => [name, config[name]]));
  if (Object.keys(hparamsChange({ ...hparams, ...known }, hparams)).length === 0) return;
  announceHparams(session, patchHparams(session.run.hparams, known));
}
