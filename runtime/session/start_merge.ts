import type * as tf from "@tensorflow/tfjs";
import { loadCheckpoint, restoreCheckpoint } from "../checkpoints/checkpoint.ts";
import { assignWeights } from "../merging/assign_weights.ts";
import { Candidates, unionOf } from "../merging/candidates.ts";
import type { ModelWeights } from "../merging/parents.ts";
import type { CheckpointReference, LaunchContext } from "../protocol/commands.ts";
import type { GateResult } from "../protocol/merge_gate.ts";
import { patchHparams } from "../training/live_hparams.ts";
import { RunState } from "../training/run_state.ts";
import type { TrainingRun } from "../training/training_run.ts";
import { combine, type Combined, type Ingredients } from "./combine.ts";
import { type Controls, trainControls } from "./merge_control.ts";
import type { MergeSlice } from "./held_out_slices.ts";
import { judgeMerge, type MergeParent, settle } from "./merge_gate.ts";

type MergeStart = Extract<LaunchContext["start"], { from: "merge" }>;

/** Whom a start tells how far it is, and what it found. */
export interface StartPorts {
  progress(task: string, done: number, total: number): void;
  judged(result: GateResult): void;
  warn(message: string): void;
  /** An optimizer with no state, as the module makes it. */
  freshOptimizer(): tf.Optimizer;
}

/** How long a merge computes before others get their turn, in ms. */
const TURN_MS = 50;

/**
 * Puts a fresh run where a merge begins: the weights that its parents come to, and their axis step.
 *
 * @throws {MergeError} for parents that cannot be merged so.
 * @throws {PhaseError} of the phase `gate` for a merge that its gate discards.
 */
export async function startMerge(
  run: TrainingRun,
  start: MergeStart,
  ports: StartPorts,
  slices: readonly MergeSlice[] = [],
): Promise<void> {
  const parents: MergeParent[] = [];
  for (const reference of start.checkpoints) parents.push(await read(reference));
  const ancestor = start.ancestor && await read(start.ancestor);
  const path = parents[0]!.loaded;
  const rows = unionOf(parents.map(({ loaded }) => loaded.indices), run.data.train.length);
  const candidates = new Candidates(run, rows, start.batch_norm, inTurns());
  const progress: StartPorts["progress"] = (...far) => ports.progress(...far);
  const controls = start.control && ancestor !== null
    ? await trainControls(run, {
      parents,
      ancestor,
      candidates,
      freshOptimizer: () => ports.freshOptimizer(),
      onStep: (done, total) => progress("control", done, total),
    })
    : { models: [], notes: [] };
  if (start.optimizer === "keep") restoreCheckpoint(path, run);
  const ingredients = { parents, ancestor, candidates, progress };
  const combined = await combine(run, start, ingredients);
  assignWeights(
    run.handle,
    await gated(run, start, { ...ingredients, ...combined, controls, slices, ports }),
  );
  const state = RunState.parse(path.state);
  run.originStep = start.origin_step;
  const { lr, grad_clip_norm } = state.hparams;
  const inherited = Object.entries({ lr, grad_clip_norm })
    .filter(([name]) => !start.overrides?.includes(name));
  run.hparams = patchHparams(run.hparams, Object.fromEntries(inherited));
  // A student is asked about what any of its teachers knows.
  const everything = parents.some(({ loaded }) => loaded.indices === null);
  const taught = everything ? null : rows;
  run.drawFrom(start.strategy === "distillation" ? taught : path.indices, {
    epoch: state.sampler.epoch + 1,
    cursor: 0,
  });
}

/** The weights that the gate lets the child have. */
async function gated(
  run: TrainingRun,
  { gate, strategy }: MergeStart,
  { parents, ancestor, candidates, weights: merged, notes, controls, slices, ports }:
    & Ingredients
    & Combined
    & { controls: Controls; slices: readonly MergeSlice[]; ports: StartPorts },
): Promise<ModelWeights> {
  // A student is judged when it has learned.
  if (gate === null || strategy === "distillation") return merged;
  const result = await judgeMerge(run, candidates, {
    rule: gate,
    child: merged,
    statistics: candidates.policy,
    parents,
    ancestor,
    slices,
    controls: controls.models,
    notes: [...notes, ...controls.notes],
    onProgress: (done, total) => ports.progress("gate", done, total),
  });
  return settle(result, { child: merged, parents, ports });
}

async function read(reference: CheckpointReference): Promise<MergeParent> {
  return { reference, loaded: await loadCheckpoint(reference.path, reference.sha256) };
}

/** For work that must not keep others waiting: lets them have their turn now and then. */
export function inTurns(): () => Promise<void> {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < TURN_MS) return;
    await new Promise((resolve) => setTimeout(resolve));
    since = performance.now();
  };
}
