import * as tf from "@tensorflow/tfjs";
import type { ChosenBackend } from "../backends/choose.ts";
import { NUMERICS_VERSION } from "../determinism/rng.ts";
import { CAPABILITIES, type LaunchContext } from "../protocol/commands.ts";
import { PROTOCOL_VERSION, type TrainerEvents } from "../protocol/events.ts";
import { toWireConfig } from "../protocol/job_config.ts";
import type { LoadedJob } from "./load_job.ts";

/** What `session_started` says of a job that has its model. */
export function startedFields(
  { run, datasetHash }: LoadedJob,
  { name, reason, determinism, version }: ChosenBackend,
  { threads, imports }: Pick<LaunchContext, "threads" | "imports">,
): TrainerEvents["session_started"] {
  const { train, val, test } = run.data;
  return {
    capabilities: [...CAPABILITIES],
    protocol: PROTOCOL_VERSION,
    backend: { name, reason },
    // Where a restored run begins its epoch anew, what happened to it decides what it draws.
    determinism: run.config.enforceSamplerState ? determinism : "none",
    config: toWireConfig(run.config),
    dataset: {
      hash: datasetHash,
      train: train.length,
      val: val?.length ?? 0,
      test: test?.length ?? 0,
    },
    selected: run.indices?.length ?? null,
    model: {
      parameters: run.handle.weights.reduce((sum, { variable }) => sum + variable.size, 0),
      weights: run.handle.weights.length,
    },
    step: run.step,
    epoch: run.epoch,
    axis_step: run.axisStep,
    steps_per_epoch: run.stepsPerEpoch,
    runtime: {
      deno: Deno.version.deno,
      tfjs: tf.version_core,
      numerics: NUMERICS_VERSION,
      threads,
      ...(imports === undefined ? {} : { imports }),
      ...(version === undefined ? {} : { [name]: version }),
    },
  };
}
