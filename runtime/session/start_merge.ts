import {
  loadCheckpoint,
  type LoadedCheckpoint,
  restoreCheckpoint,
} from "../checkpoints/checkpoint.ts";
import { assignWeights } from "../merging/assign_weights.ts";
import { mergeWeights } from "../merging/strategies.ts";
import type { LaunchContext } from "../protocol/commands.ts";
import { MERGE_STRATEGIES, type MergeStrategy } from "../protocol/merge_strategy.ts";
import type { ModelHandle } from "../training/model_handle.ts";
import { patchHparams } from "../training/live_hparams.ts";
import { RunState } from "../training/run_state.ts";
import type { TrainingRun } from "../training/training_run.ts";

type MergeStart = Extract<LaunchContext["start"], { from: "merge" }>;

/** Puts a fresh run where a merge begins: the weights that its parents come to, and their axis step. */
export async function startMerge(run: TrainingRun, start: MergeStart): Promise<void> {
  const parents: LoadedCheckpoint[] = [];
  for (const { path, sha256 } of start.checkpoints) {
    parents.push(await loadCheckpoint(path, sha256));
  }
  const ancestor = start.ancestor &&
    await loadCheckpoint(start.ancestor.path, start.ancestor.sha256);
  const strategy = start.strategy as MergeStrategy;
  const path = parents[0]!;
  if (start.optimizer === "keep") restoreCheckpoint(path, run);
  const merged = mergeWeights(strategy, {
    parents: parents.map((parent) => parent.weights()),
    ancestor: ancestor && ancestor.weights(),
    names: layerNames(run.handle),
  }, MERGE_STRATEGIES[strategy].parse(start.params));
  assignWeights(run.handle, merged);
  const state = RunState.parse(path.state);
  run.originStep = start.origin_step;
  const { lr, grad_clip_norm } = state.hparams;
  run.hparams = patchHparams(run.hparams, { lr, grad_clip_norm });
  run.drawFrom(path.indices, { epoch: state.sampler.epoch + 1, cursor: 0 });
}

/** What the layers call their weights, by key: `head/kernel`. */
function layerNames({ weights }: ModelHandle): Map<string, string> {
  return new Map(weights.map(({ key, variable }) => [key, variable.name.replace(/_\d+$/, "")]));
}
