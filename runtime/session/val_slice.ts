import { clipText } from "../protocol/clip_text.ts";
import { resolveSelection, SelectionError } from "../protocol/resolve_selection.ts";
import { partsOf, type Selection } from "../protocol/selection.ts";
import type { TrainingRun } from "../training/training_run.ts";
import { heldOutClusters } from "./held_out_clusters.ts";
import { scaled } from "./held_out_slices.ts";
import { sampleTable } from "./sample_table.ts";

/** Rules that say nothing of samples that they were not made for. */
const BOUND_TO_SAMPLES: readonly Selection["kind"][] = ["all", "indices"];

const SMALLEST_BATCH = 256;

/**
 * What a child's rule picks of the validation split, at the model that picked its training samples:
 * the unseen counterpart of what it trains on. A count becomes the same share, and a cluster what
 * lies nearest to its mean.
 *
 * @param base Training samples that the rule picked from; null for all.
 * @returns Ascending positions in val; null where there is no val, or nothing that the rule could
 * say of it. `warn` hears of a rule that picks none.
 */
export async function valSlice(
  run: TrainingRun,
  selection: Selection,
  base: Int32Array | null,
  warn: (message: string) => void,
): Promise<Int32Array | null> {
  const dataset = run.data.val;
  const bound = partsOf(selection).some(({ kind }) => BOUND_TO_SAMPLES.includes(kind));
  if (dataset === null || bound) return null;
  const rule = scaled(selection, dataset.length / (base ?? run.data.train).length);
  const batchSize = Math.max(run.config.batchSize, SMALLEST_BATCH);
  run.enterPhase("selection", run.axisStep);
  try {
    const table = await sampleTable(
      run,
      rule,
      { dataset, indices: null },
      () => {},
      (clustering) =>
        heldOutClusters(run, dataset, {
          clustering,
          indices: base,
          axisStep: run.axisStep,
          batchSize,
        }),
    );
    return resolveSelection(rule, table);
  } catch (error) {
    if (!(error instanceof SelectionError)) throw error;
    warn(clipText(`the selection has no counterpart on val: ${error.message}`, 900));
    return null;
  }
}
