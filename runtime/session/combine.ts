import { captureWeights } from "../checkpoints/weights.ts";
import { assignWeights } from "../merging/assign_weights.ts";
import type { Candidates } from "../merging/candidates.ts";
import { diagonalFisher, type Fisher, fisherMean, sampleRows } from "../merging/fisher.ts";
import { greedy } from "../merging/greedy.ts";
import { MergeError } from "../merging/merge_error.ts";
import { checkParents, type ModelWeights } from "../merging/parents.ts";
import { mergeWeights, type WeightStrategy } from "../merging/strategies.ts";
import { swa } from "../merging/swa.ts";
import type { LaunchContext } from "../protocol/commands.ts";
import {
  MERGE_STRATEGIES,
  type MergeParams,
  type MergeStrategy,
} from "../protocol/merge_strategy.ts";
import type { ModelHandle } from "../training/model_handle.ts";
import type { TrainingRun } from "../training/training_run.ts";
import { heldOut, type MergeParent } from "./merge_gate.ts";

type MergeStart = Extract<LaunchContext["start"], { from: "merge" }>;

/** What a merge is made of. */
export interface Ingredients {
  parents: readonly MergeParent[];
  ancestor: MergeParent | null;
  candidates: Candidates;
  progress: (task: string, done: number, total: number) => void;
}

/** Weights that parents come to, statistics of batch normalization settled, and what to know of them. */
export interface Combined {
  weights: ModelWeights;
  notes: string[];
}

/** Makes one model of several by the strategy asked for. @throws {MergeError} */
export async function combine(
  run: TrainingRun,
  start: MergeStart,
  ingredients: Ingredients,
): Promise<Combined> {
  const strategy = start.strategy as MergeStrategy;
  const { candidates } = ingredients;
  switch (strategy) {
    case "greedy":
      return await soup(run, MERGE_STRATEGIES.greedy.parse(start.params), ingredients);
    case "distillation": {
      const { student } = MERGE_STRATEGIES.distillation.parse(start.params);
      return { weights: await studentWeights(run, student, ingredients), notes: [] };
    }
    case "fisher": {
      const params = MERGE_STRATEGIES.fisher.parse(start.params);
      const weights = await fisherWeights(run, params, ingredients);
      return { weights: await candidates.settled(weights), notes: [] };
    }
    default: {
      const weights = byWeights(run, strategy, start, ingredients);
      return { weights: await candidates.settled(weights), notes: [] };
    }
  }
}

function byWeights(
  { handle }: TrainingRun,
  strategy: WeightStrategy,
  start: MergeStart,
  { parents, ancestor, candidates }: Ingredients,
): ModelWeights {
  return mergeWeights(strategy, {
    parents: parents.map(({ loaded }) => loaded.weights()),
    ancestor: ancestor && ancestor.loaded.weights(),
    averaged: candidates.statistics,
    names: layerNames(handle),
  }, MERGE_STRATEGIES[strategy].parse(start.params));
}

/** Where a student begins. */
async function studentWeights(
  { handle }: TrainingRun,
  student: MergeParams<"distillation">["student"],
  { parents, candidates }: Ingredients,
): Promise<ModelWeights> {
  const models = parents.map(({ loaded }) => loaded.weights());
  checkParents(models);
  if (student === "fresh") return captureWeights(handle);
  return student === "path" ? models[0]! : await candidates.settled(swa(models));
}

/** Chosen on val where the gate has a split of its own, so that what chooses does not judge. */
async function soup(
  run: TrainingRun,
  { metric }: MergeParams<"greedy">,
  { parents, candidates }: Ingredients,
): Promise<Combined> {
  const split = run.data.val === null ? heldOut(run) : "val";
  if (split === null) {
    throw new MergeError("greedy chooses by val or gate, and the module gives neither");
  }
  const { weights, taken } = await greedy(
    candidates,
    parents.map(({ loaded }) => loaded.weights()),
    { metric, samples: { dataset: run.data[split]!, indices: null } },
  );
  const names = taken.map((at) => parents[at]!.reference)
    .map(({ job, checkpoint }) => `checkpoint ${checkpoint} of ${job}`);
  const notes = [`the soup has, chosen on ${split}: ${names.join(", ")}`.slice(0, 1_000)];
  if (split === heldOut(run)) {
    notes.push(`the soup was chosen on the ${split} samples that judge it, which flatters it`);
  }
  return { weights, notes };
}

async function fisherWeights(
  run: TrainingRun,
  { samples, empirical, floor, weights, seed }: MergeParams<"fisher">,
  { parents, candidates, progress }: Ingredients,
): Promise<ModelWeights> {
  const models = parents.map(({ loaded }) => loaded.weights());
  checkParents(models);
  const fishers: Fisher[] = [];
  const everyRow = Int32Array.from({ length: run.data.train.length }, (_, row) => row);
  const rows = parents.map(({ loaded }) => sampleRows(loaded.indices ?? everyRow, samples, seed));
  const total = rows.reduce((sum, { length }) => sum + length, 0);
  let before = 0;
  for (const [at, model] of models.entries()) {
    assignWeights(run.handle, model);
    fishers.push(
      await diagonalFisher({
        handle: run.handle,
        loss: run.loss,
        dataset: run.data.train,
        rows: rows[at]!,
        empirical,
        seed,
        onSample: async (done) => {
          if (done % 32 === 0) progress("fisher", before + done, total);
          await candidates.breathe();
        },
      }),
    );
    before += rows[at]!.length;
  }
  const coefficients = weights ?? parents.map(() => 1);
  const merged = fisherMean(models, fishers, { floor, coefficients });
  const means = swa(models);
  for (const key of candidates.statistics) merged.set(key, means.get(key)!);
  return merged;
}

/** What the layers call their weights, by key: `head/kernel`. */
function layerNames({ weights }: ModelHandle): Map<string, string> {
  return new Map(weights.map(({ key, variable }) => [key, variable.name.replace(/_\d+$/, "")]));
}
