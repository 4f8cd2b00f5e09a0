import {
  captureCheckpoint,
  type CheckpointSnapshot,
  type LoadedCheckpoint,
  restoreCheckpoint,
} from "../checkpoints/checkpoint.ts";
import { RunState } from "../training/run_state.ts";
import type { TrainingRun } from "../training/training_run.ts";

/** A way back to where a run stood; it may be gone more than once. */
export type WayBack = () => void;

/**
 * Does what it likes with a run, which afterwards stands where it stood: weights, optimizer, data
 * position, schedule, config, to the bit. What a module keeps to itself is out of reach.
 *
 * @throws {OptimizerStateError} for an optimizer whose state cannot be captured.
 */
export async function undisturbed<T>(
  run: TrainingRun,
  work: (back: WayBack) => T | Promise<T>,
): Promise<T> {
  const { handle, optimizer, indices, config } = run;
  const state = run.captureState();
  const snapshot = captureCheckpoint({ handle, optimizer, indices, state });
  const back = () => {
    const restored = restoreCheckpoint(inMemory(snapshot), { handle, optimizer });
    run.config = config;
    run.restoreState(RunState.parse(restored), indices);
  };
  try {
    return await work(back);
  } finally {
    back();
  }
}

/** A snapshot as a restore reads it, without a file in between. */
function inMemory({ tensors, metadata }: CheckpointSnapshot): LoadedCheckpoint {
  const weights = new Map([...tensors].filter(([name]) => /^\d+\//.test(name)));
  return {
    path: "memory",
    state: JSON.parse(metadata["state"]!),
    indices: null,
    valSlice: null,
    weights: () => weights,
    tensors,
    optimizer: metadata["optimizer"] ?? null,
  };
}
