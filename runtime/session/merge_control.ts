import type * as tf from "@tensorflow/tfjs";
import { restoreCheckpoint } from "../checkpoints/checkpoint.ts";
import { captureWeights } from "../checkpoints/weights.ts";
import type { Candidates } from "../merging/candidates.ts";
import type { GateModel } from "../merging/gate.ts";
import { mergeWeights } from "../merging/strategies.ts";
import type { ModelWeights } from "../merging/parents.ts";
import { RunState } from "../training/run_state.ts";
import { trainLoop } from "../training/train_loop.ts";
import type { TrainingRun } from "../training/training_run.ts";
import type { MergeParent } from "./merge_gate.ts";

/** What a control is made of. */
export interface ControlArguments {
  parents: readonly MergeParent[];
  ancestor: MergeParent;
  candidates: Candidates;
  /** An optimizer as the module makes it. */
  freshOptimizer: () => tf.Optimizer;
  onStep: (done: number, total: number) => void;
}

/** Models that the parents' steps could have been spent on in place of a merge. */
export interface Controls {
  models: GateModel[];
  notes: string[];
}

/**
 * Spends the parents' steps otherwise, from their common ancestor and with all data: `trained_on`
 * takes all of them in a row, `soup` is the mean of as many plain forks as there are parents, each
 * with its parent's steps and an order of the data of its own. Hyperparameters and momenta are those
 * of the ancestor. The run is afterwards as it was, but for its weights.
 */
export async function trainControls(
  run: TrainingRun,
  { parents, ancestor, candidates, freshOptimizer, onStep }: ControlArguments,
): Promise<Controls> {
  const origin = RunState.parse(ancestor.loaded.state);
  const steps = parents.map(({ loaded }) =>
    Math.max(0, RunState.parse(loaded.state).axis_step - origin.axis_step)
  );
  const sum = steps.reduce((total, own) => total + own, 0);
  let done = 0;
  const before = { state: RunState.parse(run.captureState()), config: run.config };
  const { optimizer } = run;
  const trained = async (count: number, seed: number): Promise<ModelWeights> => {
    run.optimizer = freshOptimizer();
    restoreCheckpoint(ancestor.loaded, run);
    run.config = { ...before.config, seed, maxSteps: origin.step + count, maxEpochs: 1_000_000 };
    // A selection of the ancestor's is left behind: what follows is all of the data.
    const { sampler, epoch } = origin;
    const goesOn = ancestor.loaded.indices === null;
    run.restoreState({
      ...origin,
      sampler: goesOn ? sampler : { epoch: sampler.epoch + 1, cursor: 0 },
      epoch,
      callbacks: [],
    }, null);
    await trainLoop(run, {
      gate: () => "go on",
      onStep: async () => {
        onStep(++done, 2 * sum);
        await candidates.breathe();
      },
      onEpochEnd: async () => {},
      checkpoint: () => {},
    });
    run.optimizer.dispose();
    return captureWeights(run.handle);
  };
  try {
    const { seed } = before.config;
    const on = await trained(sum, seed);
    const forks: ModelWeights[] = [];
    for (const [at, own] of steps.entries()) forks.push(await trained(own, seed + 1 + at));
    run.config = before.config;
    const mean = mergeWeights("swa", { parents: forks, averaged: candidates.statistics }, {});
    const soup = await candidates.settled(mean);
    const normalized = candidates.statistics.size > 0;
    const { job, checkpoint } = ancestor.reference;
    return {
      models: [
        {
          model: "trained_on",
          job,
          checkpoint,
          batch_norm: normalized ? "own" : null,
          weights: on,
        },
        {
          model: "soup",
          job,
          checkpoint,
          batch_norm: normalized ? candidates.policy : null,
          weights: soup,
        },
      ],
      notes: [
        `control: ${sum} steps (${steps.join(" + ")}) from checkpoint ${checkpoint} of ${job}`,
      ],
    };
  } finally {
    run.config = before.config;
    run.optimizer = optimizer;
    run.restoreState(before.state, null);
  }
}
