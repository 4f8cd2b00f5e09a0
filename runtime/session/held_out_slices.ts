import { loadCheckpoint } from "../checkpoints/checkpoint.ts";
import { assignWeights } from "../merging/assign_weights.ts";
import type { GateSet } from "../merging/gate.ts";
import type { LaunchContext } from "../protocol/commands.ts";
import { clipText } from "../protocol/clip_text.ts";
import { resolveSelection } from "../protocol/resolve_selection.ts";
import type { Selection } from "../protocol/selection.ts";
import type { TrainingRun } from "../training/training_run.ts";
import { RunState } from "../training/run_state.ts";
import { heldOutClusters } from "./held_out_clusters.ts";
import { sampleTable } from "./sample_table.ts";

/** What a parent selected, and at which checkpoint. */
export type MergeSlice = NonNullable<LaunchContext["slices"]>[number];

const SMALLEST_BATCH = 256;

/**
 * What each parent's rule picks of a held-out split, at the checkpoint where it picked the parent's
 * training samples: the unseen counterpart of what that parent is a specialist for. A count becomes
 * the same share, and a cluster what lies nearest to its mean.
 *
 * @param held Name of the split.
 * @returns Sets of samples, and a note on each rule that picks none.
 */
export async function heldOutSlices(
  run: TrainingRun,
  held: "gate" | "val",
  slices: readonly MergeSlice[],
): Promise<{ sets: GateSet[]; notes: string[] }> {
  const dataset = run.data[held]!;
  const sets: GateSet[] = [];
  const notes: string[] = [];
  for (const { job, selection, origin, picked_from } of slices) {
    const loaded = await loadCheckpoint(origin.path, origin.sha256);
    assignWeights(run.handle, loaded.weights());
    run.enterPhase("selection", run.axisStep);
    const rule = scaled(selection, dataset.length / picked_from);
    try {
      const samples = { dataset, indices: null };
      const table = await sampleTable(
        run,
        rule,
        samples,
        () => {},
        (clustering) =>
          heldOutClusters(run, dataset, {
            clustering,
            indices: selection.of === "all" ? null : loaded.indices,
            axisStep: RunState.parse(loaded.state).axis_step,
            batchSize: Math.max(run.config.batchSize, SMALLEST_BATCH),
          }),
      );
      const indices = resolveSelection(rule, table);
      sets.push({ on: held, slice: job, samples: { dataset, indices } });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      notes.push(clipText(`the selection of ${job} has no counterpart on ${held}: ${reason}`, 900));
    }
  }
  return { sets, notes };
}

/** The same rule for more or fewer samples. */
export function scaled(selection: Selection, share: number): Selection {
  switch (selection.kind) {
    case "hardest":
      return { ...selection, n: Math.max(1, Math.round(selection.n * share)) };
    case "and":
    case "or":
      return {
        ...selection,
        selections: selection.selections.map((part) => scaled(part, share)),
      } as Selection;
    case "not":
      return { ...selection, selection: scaled(selection.selection, share) } as Selection;
    case "suspects":
      // Those that were found are samples of another split.
      return { ...selection, indices: [] };
    default:
      return selection;
  }
}
