import { type HparamsChange, hparamsChange } from "../protocol/hparams.ts";
import { type LiveHparams, wireHparams } from "../training/live_hparams.ts";
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
