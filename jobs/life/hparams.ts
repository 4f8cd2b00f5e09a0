import {
  checkUserHparams,
  HPARAM_NAMES,
  HparamError,
  type HparamsChange,
  hparamsChange,
  HparamsPatch,
} from "../../runtime/protocol/hparams.ts";
import { UserHparams } from "../../runtime/protocol/job_config.ts";
import { CommandFailedError, UnprocessableError } from "../errors.ts";
import type { JobManifest } from "../job.ts";
import type { LiveJob } from "./live_job.ts";

/** The part of a request that changes hyperparameters. */
export function hparamsOf(
  request: { command: "hparams"; id?: string } & HparamsPatch,
): HparamsPatch {
  const { command: _, id: __, ...given } = request;
  const said = Object.entries(given).filter(([, value]) => value !== undefined);
  return HparamsPatch.parse(Object.fromEntries(said));
}

/**
 * Refuses what can be known at once: the rest only a worker knows.
 *
 * @throws {UnprocessableError} that names the field.
 */
export function checkHparams({ config, dataset, selected }: JobManifest, patch: HparamsPatch) {
  // Before the module was loaded nobody knows its data, nor what it declares.
  if (dataset === null) return;
  const samples = selected ?? dataset.train;
  try {
    if (patch.batch_size !== undefined && patch.batch_size > samples) {
      throw new HparamError("batch_size", `expected at most ${samples}, the training samples`);
    }
    const declared = UserHparams.safeParse(config["hparams"] ?? {});
    checkUserHparams(declared.data ?? {}, patch.hparams ?? {});
  } catch (error) {
    throw error instanceof HparamError ? new UnprocessableError(error.field, error.message) : error;
  }
}

/** Puts a change into the config of a job that no worker has begun. */
export function changeConfig(
  { record }: LiveJob,
  { hparams, ...rest }: HparamsPatch,
): { hparams: Record<string, unknown>; changed: HparamsChange } {
  const before = hparamsIn(record.manifest);
  const own = hparams === undefined ? {} : { hparams: { ...before["hparams"] ?? {}, ...hparams } };
  record.append("config_changed", { config: { ...rest, ...own } });
  const after = hparamsIn(record.manifest);
  return { hparams: after, changed: hparamsChange(before, after) };
}

/** What a worker refused by the name of a field, as the server would have. */
export function refusedHparam(error: unknown): unknown {
  if (!(error instanceof CommandFailedError) || error.code !== "bad_hparams") return error;
  const [field = "hparams"] = error.message.split(": ");
  return new UnprocessableError(field, error.message);
}

function hparamsIn({ config }: JobManifest): Record<string, unknown> {
  const given = HPARAM_NAMES.filter((name) => config[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, config[name]]));
}
