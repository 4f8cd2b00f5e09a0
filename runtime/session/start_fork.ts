import {
  CheckpointError,
  type LoadedCheckpoint,
  restoreCheckpoint,
} from "../checkpoints/checkpoint.ts";
import { assignMatched, matchWeights } from "../checkpoints/matching_weights.ts";
import { keyedStream } from "../determinism/rng.ts";
import type { LaunchContext } from "../protocol/commands.ts";
import { type ForkFacts, MOST_MISMATCHES } from "../protocol/fork.ts";
import { type LiveHparams, patchHparams } from "../training/live_hparams.ts";
import { RunState } from "../training/run_state.ts";
import type { TrainingRun } from "../training/training_run.ts";
import { othersToRehearse, pickSamples } from "./pick_samples.ts";
import type { StartPorts } from "./start_merge.ts";
import { valSlice } from "./val_slice.ts";

/** How a child begins. */
export type ForkStart = Extract<LaunchContext["start"], { from: "fork" }>;

/** Tells the draw of other samples apart from all else that is drawn for a selection. */
const REHEARSAL = 1;

/** Puts a fresh run where a fork begins, and says what it found. */
export async function startFork(
  run: TrainingRun,
  start: ForkStart,
  loaded: LoadedCheckpoint,
  ports: Pick<StartPorts, "progress" | "warn">,
): Promise<ForkFacts> {
  const { rehearsal = 0, siblings = [] } = start;
  // The optimizer's state brings the parent's momentum with it.
  const own = run.hparams;
  const weights = takeWeights(run, start, loaded, ports);
  const state = RunState.parse(loaded.state);
  inherit(run, own, start, state);
  run.originStep = start.origin_step;
  run.indices = loaded.indices;
  const picked = await pickSamples(
    run,
    start.selection,
    siblings,
    (...far) => ports.progress("scan", ...far),
  );
  const { length } = run.data.train;
  const base = start.selection.of === "all" ? null : loaded.indices;
  run.valSlice = await valSlice(run, start.selection, base, ports.warn);
  const facts: ForkFacts = {
    selected: picked.indices?.length ?? length,
    rehearsal: 0,
    shared: picked.shared,
    val_slice: run.valSlice?.length ?? null,
    ...weights && { weights },
  };
  for (const { run_name, samples } of picked.shared) {
    ports.warn(`${samples} of its ${facts.selected} samples are ${run_name}'s too`);
  }
  if (goesOn(start)) {
    run.drawFrom(loaded.indices, state.sampler);
  } else {
    const others = rehearsed(run, start, picked.indices, loaded.indices);
    facts.rehearsal = others.length;
    if (rehearsal > 0) tellRehearsal(facts, rehearsal, ports);
    const drawn = picked.indices && Int32Array.from([...picked.indices, ...others]).sort();
    run.drawFrom(drawn, { epoch: state.sampler.epoch + 1, cursor: 0 });
  }
  if (start.schedule === "restart") run.restartSchedule();
  return facts;
}

/** Whether the child goes on in the order of its parent's epoch. */
function goesOn({ selection, overrides = [] }: ForkStart): boolean {
  const anew = overrides.includes("batch_size") || overrides.includes("seed");
  return selection.kind === "all" && selection.of !== "all" && !anew;
}

/** Hyperparameters and scaler of the parent, but for what the request set itself. */
function inherit(
  run: TrainingRun,
  own: LiveHparams,
  start: ForkStart,
  state: RunState,
): void {
  const overrides = new Set(start.overrides ?? []);
  // Another module's optimizer may have no momentum to take over, and declares what it likes.
  const lacks = new Set(own.momentum === null ? [...overrides, "momentum"] : overrides);
  if (start.new_module) lacks.add("hparams");
  const inherited = Object.entries(state.hparams).filter(([name]) => !lacks.has(name));
  const hparams = patchHparams(own, Object.fromEntries(inherited));
  run.hparams = { ...hparams, lr: hparams.lr * start.lr_mul };
  if (!overrides.has("loss_scale")) run.scaler.restore(state.scaler);
  const goesOn = start.schedule !== "restart" && !start.new_module;
  if (goesOn && state.schedule !== null) run.schedule?.restore?.(state.schedule);
}

/** Weights and optimizer of the checkpoint; of another module's model those that match. */
function takeWeights(
  run: TrainingRun,
  start: ForkStart,
  loaded: LoadedCheckpoint,
  { warn }: Pick<StartPorts, "warn">,
): ForkFacts["weights"] {
  const { handle } = run;
  const optimizer = start.optimizer === "keep" ? run.optimizer : null;
  if (!start.new_module) {
    restoreCheckpoint(loaded, { handle, optimizer });
    return undefined;
  }
  const match = matchWeights(handle, loaded.weights());
  const fresh = match.fresh.map((weight) => `${weight} of the module begins fresh`);
  const unused = match.unused.map((weight) => `${weight} of the parent is not used`);
  const mismatches = [...fresh.slice(0, MOST_MISMATCHES), ...unused.slice(0, MOST_MISMATCHES)];
  const counts = `${match.taken.size} of ${handle.weights.length} weights are the parent's`;
  if (mismatches.length > 0) warn([counts, ...mismatches].join("\n"));
  const optimizerState = keptOptimizer(run, fresh.length + unused.length, loaded, optimizer, warn);
  if (optimizerState === "fresh") assignMatched(handle, match);
  return {
    taken: match.taken.size,
    fresh: fresh.length,
    unused: unused.length,
    mismatches,
    optimizer: optimizerState,
  };
}

/** Restores weights and optimizer where both are the parent's; tries nothing otherwise. */
function keptOptimizer(
  { handle }: TrainingRun,
  mismatches: number,
  loaded: LoadedCheckpoint,
  optimizer: TrainingRun["optimizer"] | null,
  warn: StartPorts["warn"],
): "kept" | "fresh" {
  if (optimizer === null) return "fresh";
  if (mismatches > 0) {
    warn("the optimizer begins fresh: the module has other weights than the parent's");
    return "fresh";
  }
  try {
    restoreCheckpoint(loaded, { handle, optimizer });
    return "kept";
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    warn(`the optimizer begins fresh: ${error.message}`);
    return "fresh";
  }
}

/** Samples against forgetting; none where the child trains on all there are. */
function rehearsed(
  run: TrainingRun,
  { selection, rehearsal = 0 }: ForkStart,
  picked: Int32Array | null,
  parents: Int32Array | null,
): Int32Array {
  if (rehearsal === 0 || picked === null) return new Int32Array();
  const whole = () => Int32Array.from({ length: run.data.train.length }, (_, place) => place);
  const base = (selection.of === "all" ? null : parents) ?? whole();
  const random = keyedStream(run.config.seed, "selection", run.axisStep, REHEARSAL);
  return othersToRehearse(picked, base, rehearsal, random);
}

function tellRehearsal(facts: ForkFacts, asked: number, { warn }: Pick<StartPorts, "warn">): void {
  const share = facts.rehearsal / (facts.selected + facts.rehearsal);
  const wanted = Math.round(facts.selected * asked / (1 - asked));
  if (facts.rehearsal === wanted) return;
  const there = `${facts.rehearsal} samples are outside of the selection`;
  warn(`rehearsal: only ${there}, a share of ${share.toFixed(3)} where ${asked} was asked`);
}
