import { loadCheckpoint } from "../checkpoints/checkpoint.ts";
import { captureWeights } from "../checkpoints/weights.ts";
import { assignWeights } from "../merging/assign_weights.ts";
import { Candidates, unionOf } from "../merging/candidates.ts";
import { distillationLoss } from "../merging/distillation.ts";
import { MergeError } from "../merging/merge_error.ts";
import type { LaunchContext } from "../protocol/commands.ts";
import { MERGE_STRATEGIES } from "../protocol/merge_strategy.ts";
import { modelHandle } from "../training/model_handle.ts";
import { buildModel } from "../training/model_source.ts";
import type { LoadedJob } from "./load_job.ts";
import type { MergeSlice } from "./held_out_slices.ts";
import { judgeMerge, type MergeParent, settle } from "./merge_gate.ts";
import { inTurns, type StartPorts } from "./start_merge.ts";

/** Judges a student that has learned what it could. */
export type JudgeStudent = () => Promise<"kept" | "fallback_best">;

/**
 * Makes a job the student of its parents: from now on its training loss is the distillation loss.
 *
 * @returns What compares it with them in the end, and gives it the best one's weights where the gate
 * says so.
 * @throws {MergeError} for a module whose loss cannot be replaced.
 */
export async function distill(
  { definition, run }: LoadedJob,
  { teachers, ancestor, params, gate }: NonNullable<LaunchContext["distillation"]>,
  ports: StartPorts,
  slices: readonly MergeSlice[] = [],
): Promise<JudgeStudent> {
  if (run.steps.trainStep !== undefined) {
    throw new MergeError(
      "distillation replaces the loss, and the module has a trainStep of its own",
    );
  }
  const read = async (reference: MergeParent["reference"]): Promise<MergeParent> => ({
    reference,
    loaded: await loadCheckpoint(reference.path, reference.sha256),
  });
  const parents: MergeParent[] = [];
  for (const teacher of teachers) parents.push(await read(teacher));
  const handles = [];
  for (const { loaded } of parents) {
    const handle = modelHandle(await buildModel(definition.model, run.ctx));
    assignWeights(handle, loaded.weights());
    handles.push(handle);
  }
  const rule = MERGE_STRATEGIES.distillation.parse(params);
  run.loss = distillationLoss(run.loss, handles, rule);
  return async () => {
    if (gate === null) return "kept";
    const child = captureWeights(run.handle);
    const rows = unionOf(parents.map(({ loaded }) => loaded.indices), run.data.train.length);
    const candidates = new Candidates(run, rows, "recalculate", inTurns());
    const result = await judgeMerge(run, candidates, {
      rule: gate,
      child,
      statistics: "own",
      parents,
      ancestor: ancestor && await read(ancestor),
      slices,
      controls: [],
      notes: [],
      onProgress: (done, total) => ports.progress("gate", done, total),
    });
    assignWeights(run.handle, settle(result, { child, parents, ports }));
    return result?.outcome === "fallback_best" ? "fallback_best" : "kept";
  };
}
