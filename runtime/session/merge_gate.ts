import type { LoadedCheckpoint } from "../checkpoints/checkpoint.ts";
import type { Candidates } from "../merging/candidates.ts";
import { type GateModel, type GateSet, judge } from "../merging/gate.ts";
import { MergeError } from "../merging/merge_error.ts";
import type { ModelWeights } from "../merging/parents.ts";
import type { CheckpointReference } from "../protocol/commands.ts";
import type { GateResult, GateRule } from "../protocol/merge_gate.ts";
import type { TrainingRun } from "../training/training_run.ts";
import { heldOutSlices, type MergeSlice } from "./held_out_slices.ts";
import { PhaseError } from "./phase_error.ts";
import type { StartPorts } from "./start_merge.ts";

/** A checkpoint that a merge is made of, read. */
export interface MergeParent {
  reference: CheckpointReference;
  loaded: LoadedCheckpoint;
}

/** What is to be judged. */
export interface MergeToJudge {
  rule: GateRule;
  child: ModelWeights;
  /** Where its statistics of batch normalization come from. */
  statistics: NonNullable<GateModel["batch_norm"]>;
  parents: readonly MergeParent[];
  ancestor: MergeParent | null;
  /** What the parents' selections were. */
  slices: readonly MergeSlice[];
  /** Models beside them, as a control. */
  controls: readonly GateModel[];
  notes: readonly string[];
  onProgress: (done: number, total: number) => void;
}

/**
 * Judges a merge on the split that was held out for it, and on the training samples that each
 * parent's selection picked. Null where the job has neither a gate nor a val split.
 *
 * @throws {MergeError} when the rule needs an answer and there is no such split.
 */
export async function judgeMerge(
  run: TrainingRun,
  candidates: Candidates,
  merge: MergeToJudge,
): Promise<GateResult | null> {
  const { rule, parents, ancestor, notes } = merge;
  const held = heldOut(run);
  if (held === null) {
    if (rule.on_fail === "keep") return null;
    throw new MergeError(
      `gate.on_fail ${rule.on_fail}: the module gives no gate and no val split to judge a merge on`,
    );
  }
  const normalized = candidates.statistics.size > 0;
  const as = (
    model: string,
    { reference, loaded }: MergeParent,
    batch_norm: GateModel["batch_norm"],
  ): GateModel => ({
    model,
    job: reference.job,
    checkpoint: reference.checkpoint,
    batch_norm: normalized ? batch_norm : null,
    weights: loaded.weights(),
  });
  const controls = [...merge.controls];
  const counterparts = await heldOutSlices(run, held, merge.slices);
  if (ancestor !== null && !parents.some(({ reference }) => same(reference, ancestor.reference))) {
    controls.push(as("ancestor", ancestor, "own"));
  }
  if (normalized) {
    for (const parent of parents) {
      const own = as("parent", parent, "recalculate");
      controls.push({ ...own, weights: await candidates.recalculated(own.weights) });
    }
  }
  return await judge(candidates, {
    rule,
    split: held,
    child: {
      model: "child",
      job: null,
      checkpoint: null,
      batch_norm: normalized ? merge.statistics : null,
      weights: merge.child,
    },
    parents: parents.map((parent) => as("parent", parent, "own")),
    controls,
    sets: [
      { on: held, slice: null, samples: { dataset: run.data[held]!, indices: null } },
      ...counterparts.sets,
      ...slicesOf(run, parents),
    ],
    notes: [
      ...held === "gate" ? [] : [VAL_NOTE],
      ...run.steps.valStep === undefined ? [] : [OWN_STEP_NOTE],
      ...notes,
      ...counterparts.notes,
    ],
    seed: run.config.seed,
    onProgress: merge.onProgress,
  });
}

/** The split that judges: never test. */
export function heldOut({ data }: TrainingRun): "gate" | "val" | null {
  if (data.gate !== null) return "gate";
  return data.val === null ? null : "val";
}

const VAL_NOTE =
  "judged on val, since the module gives no gate split; early stopping and the like have seen it";

const OWN_STEP_NOTE =
  "judged by the job's loss, sample by sample; the module's own valStep answers for whole batches";

/** The training samples of each parent that a selection picked some for. */
function slicesOf(run: TrainingRun, parents: readonly MergeParent[]): GateSet[] {
  const byJob = new Map(parents.map(({ reference, loaded }) => [reference.job, loaded.indices]));
  return [...byJob].flatMap(([slice, indices]) =>
    indices === null ? [] : [{ on: "train", slice, samples: { dataset: run.data.train, indices } }]
  );
}

function same(one: CheckpointReference, other: CheckpointReference): boolean {
  return one.job === other.job && one.checkpoint === other.checkpoint;
}

/**
 * The weights that a gate lets the child have; what it found is told first.
 *
 * @throws {PhaseError} of the phase `gate` for a merge that is discarded.
 */
export function settle(
  result: GateResult | null,
  { child, parents, ports }: {
    child: ModelWeights;
    parents: readonly MergeParent[];
    ports: Pick<StartPorts, "judged" | "warn">;
  },
): ModelWeights {
  if (result === null) {
    ports.warn("the merge was not judged: the module gives no gate and no val split");
    return child;
  }
  ports.judged(result);
  if (result.outcome === "kept") return child;
  const { best_parent: best } = result;
  if (result.outcome === "discarded") {
    const { accepted, metric, split, min_delta } = result;
    const verdict = accepted === "inconclusive" ? "may not be" : "is not";
    throw PhaseError.from(
      "gate",
      new MergeError(
        `the merge was discarded: by ${metric} on ${split} it ${verdict} better than checkpoint ` +
          `${best.checkpoint} of ${best.job} by more than ${min_delta}`,
      ),
    );
  }
  return parents.find(({ reference }) =>
    reference.job === best.job && reference.checkpoint === best.checkpoint
  )!.loaded.weights();
}
