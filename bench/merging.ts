/** Merges of 10,000,000 parameters, each strategy's arithmetic over a memory copy of what it reads. */
import type { HostTensor } from "../runtime/checkpoints/host_tensor.ts";
import { keyedStream } from "../runtime/determinism/rng.ts";
import { fisherMean } from "../runtime/merging/fisher.ts";
import type { ModelWeights } from "../runtime/merging/parents.ts";
import { mergeWeights, type WeightStrategy } from "../runtime/merging/strategies.ts";
import { MERGE_STRATEGIES, NEEDS_ANCESTOR } from "../runtime/protocol/merge_strategy.ts";
import type { Figure } from "./figure.ts";

const TENSORS = 10;
const TENSOR_SIZE = 1_000_000;
const ROUNDS = 3;

const PARAMS: Record<WeightStrategy, Record<string, unknown>> = {
  swa: {},
  weighted: { weights: [2, 1] },
  ema: {},
  task_arithmetic: {},
  ties: {},
  dare: {},
  slerp: {},
  model_stock: {},
  adapter: { layers: ["*"] },
};

/** Two parents and their ancestor. The best of three rounds counts, of the copy too. */
export function merging(note: (text: string) => void): Promise<Figure[]> {
  const ancestor = model(0, null);
  const parents = [model(1, ancestor), model(2, ancestor)];
  const figures: Figure[] = [];
  const report = (strategy: string, inputs: readonly ModelWeights[], merge: () => unknown) => {
    note(strategy);
    const copy = best(() => inputs.map(copyOf));
    const merged = best(merge);
    figures.push({
      name: `merge of 10 M parameters by ${strategy}, over a copy of its ${inputs.length} inputs`,
      measured: `${(merged / copy).toFixed(1)} (${merged.toFixed(0)} / ${copy.toFixed(0)} ms)`,
      target: "reported",
      met: true,
    });
  };
  for (const [name, params] of Object.entries(PARAMS)) {
    const strategy = name as WeightStrategy;
    const parsed = MERGE_STRATEGIES[strategy].parse(params) as never;
    const inputs = NEEDS_ANCESTOR.has(strategy) ? [...parents, ancestor] : parents;
    report(strategy, inputs, () => mergeWeights(strategy, { parents, ancestor }, parsed));
  }
  const fishers = parents.map((parent) =>
    new Map([...parent].map(([key, { values }]) => [key, Float64Array.from(values, Math.abs)]))
  );
  report(
    "fisher, its information given",
    parents,
    () => fisherMean(parents, fishers, { floor: 1e-6, coefficients: [1, 1] }),
  );
  return Promise.resolve(figures);
}

function model(seed: number, around: ModelWeights | null): Map<string, HostTensor> {
  const random = keyedStream(seed, "init");
  return new Map(Array.from({ length: TENSORS }, (_, at): [string, HostTensor] => {
    const key = `${String(at).padStart(4, "0")}/kernel`;
    const base = around?.get(key)?.values;
    const values = new Float32Array(TENSOR_SIZE);
    for (let i = 0; i < TENSOR_SIZE; i++) {
      values[i] = (base?.[i] ?? 0) + (random.next() - 0.5) * (base === undefined ? 1 : 0.1);
    }
    return [key, { dtype: "float32", shape: [1_000, 1_000], values }];
  }));
}

function copyOf(weights: ModelWeights): Map<string, HostTensor> {
  return new Map(
    [...weights].map(([key, tensor]) => [key, { ...tensor, values: tensor.values.slice() }]),
  );
}

/** Milliseconds of the fastest of the rounds. */
function best(run: () => unknown): number {
  let fastest = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const began = performance.now();
    run();
    fastest = Math.min(fastest, performance.now() - began);
  }
  return fastest;
}
