import type * as tf from "@tensorflow/tfjs";
import {
  loadCheckpoint,
  type LoadedCheckpoint,
  restoreCheckpoint,
} from "../checkpoints/checkpoint.ts";
import type { CheckpointReference, LaunchContext } from "../protocol/commands.ts";
import { startMerge, type StartPorts } from "./start_merge.ts";
import { patchHparams } from "../training/live_hparams.ts";
import { selectSamples } from "./select_samples.ts";
import { RunState } from "../training/run_state.ts";
import type { TrainingRun } from "../training/training_run.ts";

type ScanProgress = (done: number, total: number) => void;
type Start = LaunchContext["start"];
type StartFrom<F extends Start["from"]> = Extract<Start, { from: F }>;

/** Puts a fresh run where its launch says it starts. */
export async function startRun(
  run: TrainingRun,
  { start, slices }: Pick<LaunchContext, "start" | "slices">,
  ports: StartPorts,
): Promise<void> {
  switch (start.from) {
    case "scratch":
      return;
    case "checkpoint":
      return restoreRun(run, run.optimizer, await load(start.checkpoint));
    case "fork":
      return await startFork(run, start, (...far) => ports.progress("scan", ...far));
    case "merge":
      return await startMerge(run, start, ports, slices);
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
}

function load({ path, sha256 }: CheckpointReference): Promise<LoadedCheckpoint> {
  return loadCheckpoint(path, sha256);
}

async function startFork(
  run: TrainingRun,
  start: StartFrom<"fork">,
  progress: ScanProgress,
): Promise<void> {
  const own = run.hparams;
  const loaded = await load(start.checkpoint);
  const optimizer = start.optimizer === "keep" ? run.optimizer : null;
  const state = RunState.parse(restoreCheckpoint(loaded, { handle: run.handle, optimizer }));
  const overrides = new Set(start.overrides ?? []);
  // Another module's optimizer may have no momentum to take over.
  const lacks = new Set(own.momentum === null ? [...overrides, "momentum"] : overrides);
  const inherited = Object.entries(state.hparams).filter(([name]) => !lacks.has(name));
  const hparams = patchHparams(own, Object.fromEntries(inherited));
  run.hparams = { ...hparams, lr: hparams.lr * start.lr_mul };
  if (!overrides.has("loss_scale")) run.scaler.restore(state.scaler);
  if (state.schedule !== null) run.schedule?.restore?.(state.schedule);
  run.originStep = start.origin_step;
  run.indices = loaded.indices;
  const anew = overrides.has("batch_size") || overrides.has("seed");
  if (start.selection.kind === "all" && start.selection.of !== "all" && !anew) {
    run.drawFrom(loaded.indices, state.sampler);
    return;
  }
  const selected = await selectSamples(run, start.selection, progress);
  run.drawFrom(selected, { epoch: state.sampler.epoch + 1, cursor: 0 });
}
