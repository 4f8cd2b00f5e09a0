import { momentumOf } from "../../checkpoints/momentum.ts";
import { checkUserHparams, HparamError, type HparamsPatch } from "../../protocol/hparams.ts";
import { patchHparams, wireHparams } from "../../training/live_hparams.ts";
import type { TrainingRun } from "../../training/training_run.ts";
import { announceHparams } from "../announce_hparams.ts";
import { CommandError } from "../command_error.ts";
import type { Handler } from "../command_router.ts";

/** Changes hyperparameters from the next step on, with a checkpoint from before. */
export const setHparams: Handler<"set_hparams"> = async (session, payload, applied) => {
  const { run, checkpoints } = session;
  try {
    checkHparams(run, payload);
  } catch (error) {
    throw error instanceof HparamError ? new CommandError("bad_hparams", error.message) : error;
  }
  const checkpoint = await session.trySave("hparams");
  applied();
  const before = run.hparams;
  run.hparams = patchHparams(before, { ...payload, ...scheduleFromHere(run, payload) });
  // What was saved before the change is not what the run is now.
  checkpoints.newest = null;
  const changed = announceHparams(session, before);
  // Children of a job at rest begin at its newest checkpoint: that has to have the change.
  if (session.serving) await session.trySave("hparams");
  return { checkpoint, hparams: wireHparams(run.hparams), changed };
};

/** @throws {HparamError} for what this run's optimizer, data or module does not have. */
function checkHparams(run: TrainingRun, { momentum, batch_size, hparams = {} }: HparamsPatch) {
  if (momentum !== undefined && momentumOf(run.optimizer) === null) {
    const name = run.optimizer.getClassName();
    throw new HparamError(
      "momentum",
      `optimizer ${name} has none; Momentum and RMSProp have`,
    );
  }
  const samples = run.indices?.length ?? run.data.train.length;
  if (batch_size !== undefined && batch_size > samples) {
    throw new HparamError("batch_size", `expected at most ${samples}, the training samples`);
  }
  checkUserHparams(run.config.hparams, hparams);
}

/** A schedule that is asked for live counts from this step, unless it says from where. */
function scheduleFromHere(
  { axisStep: step, sampler }: TrainingRun,
  { schedule }: HparamsPatch,
): Pick<HparamsPatch, "schedule"> {
  if (schedule === undefined || schedule === null || schedule === "module") return {};
  return { schedule: { from: { step, epoch: sampler.capture().epoch }, ...schedule } };
}
