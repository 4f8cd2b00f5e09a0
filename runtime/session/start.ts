import type * as tf from "@tensorflow/tfjs";
import {
  loadCheckpoint,
  type LoadedCheckpoint,
  restoreCheckpoint,
} from "../checkpoints/checkpoint.ts";
import type { CheckpointReference, LaunchContext } from "../protocol/commands.ts";
import type { ForkFacts } from "../protocol/fork.ts";
import { startFork } from "./start_fork.ts";
import { startMerge, type StartPorts } from "./start_merge.ts";
import { RunState } from "../training/run_state.ts";
import type { TrainingRun } from "../training/training_run.ts";

/** Puts a fresh run where its launch says it starts; of a fork, answers what was found. */
export async function startRun(
  run: TrainingRun,
  { start, slices }: Pick<LaunchContext, "start" | "slices">,
  ports: StartPorts,
): Promise<ForkFacts | null> {
  switch (start.from) {
    case "scratch":
      return null;
    case "checkpoint":
      restoreRun(run, run.optimizer, await load(start.checkpoint));
      return null;
    case "fork":
      return await startFork(run, start, await load(start.checkpoint), ports);
    case "merge":
      await startMerge(run, start, ports, slices);
      return null;
  }
}

/** Puts a run where one of the job's own checkpoints stands; `optimizer` has no state yet. */
export function restoreRun(
  run: TrainingRun,
  optimizer: tf.Optimizer,
  loaded: LoadedCheckpoint,
): void {
  const state = RunState.parse(restoreCheckpoint(loaded, { handle: run.handle, optimizer }));
  run.optimizer = optimizer;
  run.restoreState(state, loaded.indices);
  run.valSlice = loaded.valSlice;
}

function load({ path, sha256 }: CheckpointReference): Promise<LoadedCheckpoint> {
  return loadCheckpoint(path, sha256);
}
