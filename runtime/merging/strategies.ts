import type { HostTensor } from "../checkpoints/host_tensor.ts";
import type { MergeParams, MergeStrategy } from "../protocol/merge_strategy.ts";
import { adapter } from "./adapter.ts";
import { dare } from "./dare.ts";
import { ema } from "./ema.ts";
import { MergeError } from "./merge_error.ts";
import { modelStock } from "./model_stock.ts";
import { allFinite, checkParents, type ModelWeights } from "./parents.ts";
import { slerp } from "./slerp.ts";
import { swa } from "./swa.ts";
import { taskArithmetic } from "./task_arithmetic.ts";
import { ties } from "./ties.ts";
import { weighted } from "./weighted.ts";

export { MergeError } from "./merge_error.ts";

/** Strategies that need nothing but weights. */
export type WeightStrategy = Exclude<MergeStrategy, "greedy" | "fisher" | "distillation">;

/** What a model is made of. */
export interface MergeInputs {
  /** Weights by key; the first is the job in the path. */
  parents: readonly ModelWeights[];
  /** What all of them began from, where that is known. */
  ancestor?: ModelWeights | null;
  /** Keys whose values are averaged whatever the strategy: statistics of batch normalization. */
  averaged?: ReadonlySet<string>;
  /** What layers call their weights, by key: `head/kernel`. */
  names?: ReadonlyMap<string, string>;
}

type Given = Required<Pick<MergeInputs, "parents" | "names">> & { ancestor: () => ModelWeights };

const MERGE_BY_STRATEGY: {
  [S in WeightStrategy]: (given: Given, params: MergeParams<S>) => Map<string, HostTensor>;
} = {
  swa: ({ parents }) => swa(parents),
  weighted: ({ parents }, { weights }) => weighted(parents, weights),
  ema: ({ parents }, { decay }) => ema(parents, decay),
  task_arithmetic: ({ parents, ancestor }, { scale }) => taskArithmetic(parents, ancestor(), scale),
  ties: ({ parents, ancestor }, params) => ties(parents, ancestor(), params),
  dare: ({ parents, ancestor }, params) => dare(parents, ancestor(), params),
  slerp: ({ parents }, { t }) => slerp(parents, t),
  model_stock: ({ parents, ancestor }) => modelStock(parents, ancestor()),
  adapter: ({ parents, ancestor, names }, params) => adapter(parents, ancestor(), params, names),
};

/**
 * Makes one model of several, from their weights alone. Arithmetic is float64 unless the strategy
 * says otherwise, rounded to float32 once; integer and bool tensors are the first parent's.
 *
 * @throws {MergeError} that names the first tensor by which architectures differ or that is not
 * finite, or says what is wrong with `params` or the parents.
 */
export function mergeWeights<S extends WeightStrategy>(
  strategy: S,
  { parents, ancestor = null, averaged = new Set(), names = new Map() }: MergeInputs,
  params: MergeParams<S>,
): Map<string, HostTensor> {
  checkParents(parents, ancestor);
  const merged = MERGE_BY_STRATEGY[strategy]({
    parents: parents.map((parent) => without(parent, averaged)),
    names,
    ancestor: () => {
      if (ancestor !== null) return without(ancestor, averaged);
      throw new MergeError(`${strategy} needs the parents' common ancestor`);
    },
  }, params);
  checkMerged(merged);
  if (averaged.size === 0) return merged;
  const means = swa(parents.map((parent) => only(parent, averaged)));
  return new Map([...parents[0]!.keys()].map((key) => [key, (merged.get(key) ?? means.get(key))!]));
}

/** Sums of task vectors can leave what float32 holds. */
function checkMerged(merged: ModelWeights): void {
  for (const [key, { values }] of merged) {
    if (!allFinite(values)) throw new MergeError(`tensor ${key} comes out not finite`);
  }
}

function without(weights: ModelWeights, keys: ReadonlySet<string>): ModelWeights {
  return keys.size === 0 ? weights : new Map([...weights].filter(([key]) => !keys.has(key)));
}

function only(weights: ModelWeights, keys: ReadonlySet<string>): ModelWeights {
  return new Map([...weights].filter(([key]) => keys.has(key)));
}
