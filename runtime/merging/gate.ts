import { keyedStream } from "../determinism/rng.ts";
import type { GateResult, GateRow, GateRule } from "../protocol/merge_gate.ts";
import { bootstrapMeans, type Interval } from "./bootstrap.ts";
import {
  type Candidates,
  meanAccuracy,
  meanLoss,
  type SampleSet,
  type Scores,
} from "./candidates.ts";
import { MergeError } from "./merge_error.ts";
import type { ModelWeights } from "./parents.ts";
import { pathBarrier } from "./path_barrier.ts";

/** A model that the child is compared with, or the child. */
export interface GateModel extends Pick<GateRow, "model" | "job" | "checkpoint" | "batch_norm"> {
  weights: ModelWeights;
}

/** A set of samples that models are compared on. */
export interface GateSet extends Pick<GateRow, "on" | "slice"> {
  samples: SampleSet;
}

/** What a gate looks at. */
export interface GateQuestion {
  rule: GateRule;
  split: "gate" | "val";
  child: GateModel;
  /** In the request's order. */
  parents: readonly GateModel[];
  /** Further models of the table, which decide nothing. */
  controls: readonly GateModel[];
  /** The held-out split first: it decides. */
  sets: readonly [GateSet, ...GateSet[]];
  notes: readonly string[];
  seed: number;
  onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Lines along which the loss is taken; a merge may have more parents. */
const MOST_PATHS = 8;

/**
 * Compares a merge with its parents, sample by sample. It is accepted when the 95% interval of its
 * advantage over the best parent, by a paired bootstrap on the held-out split, lies above
 * `min_delta`; rejected when it lies at or below it; inconclusive otherwise.
 *
 * @throws {MergeError} when accuracy is asked for and the loss has no classes.
 */
export async function judge(candidates: Candidates, question: GateQuestion): Promise<GateResult> {
  const { rule, child, parents, controls, sets, split, seed, notes } = question;
  const models = [child, ...parents, ...controls];
  const paths = parents.slice(1, 1 + MOST_PATHS);
  const total = models.length * sets.length + paths.length;
  let done = 0;
  const tell = () => question.onProgress?.(++done, total);
  const table: GateRow[] = [];
  let metric: GateResult["metric"] = "loss";
  for (const [index, set] of sets.entries()) {
    const scores: Scores[] = [];
    for (const { weights } of models) {
      scores.push(await candidates.scores(weights, set.samples));
      tell();
    }
    if (index === 0) metric = metricOf(rule, scores[0]!);
    table.push(...rowsOf(set, models, scores, keyedStream(seed, "merge", 1, index)));
  }
  const barriers: GateResult["barriers"] = [];
  for (const other of paths) {
    const line = [parents[0]!.weights, other.weights] as const;
    const { job, checkpoint } = nameOf(other);
    barriers.push({ job, checkpoint, ...await pathBarrier(candidates, line, sets[0].samples) });
    tell();
  }
  const best = bestOf(table.slice(1, 1 + parents.length), metric);
  const advantage = best.advantage![metric];
  const accepted = verdict(advantage, rule.min_delta);
  return {
    split,
    samples: table[0]!.samples,
    metric,
    min_delta: rule.min_delta,
    accepted,
    best_parent: nameOf(best),
    advantage,
    outcome: accepted === true || rule.on_fail === "keep"
      ? "kept"
      : rule.on_fail === "discard"
      ? "discarded"
      : "fallback_best",
    barriers,
    notes: parents.length - 1 > MOST_PATHS
      ? [...notes, `the loss was taken along the lines to the first ${MOST_PATHS} parents only`]
      : [...notes],
    table,
  };
}

function metricOf({ metric }: GateRule, { correct }: Scores): GateResult["metric"] {
  if (metric !== "accuracy") return metric ?? (correct === null ? "loss" : "accuracy");
  if (correct !== null) return metric;
  throw new MergeError("gate.metric: accuracy means nothing for this loss; take loss");
}

function rowsOf(
  { on, slice }: GateSet,
  models: readonly GateModel[],
  scores: readonly Scores[],
  random: ReturnType<typeof keyedStream>,
): GateRow[] {
  const [child, ...others] = scores;
  const differences = others.flatMap((other) => [
    Float64Array.from(other.losses, (loss, at) => loss - child!.losses[at]!),
    Float64Array.from(
      child!.correct ?? [],
      (right, at) => right - (other.correct?.[at] ?? NaN),
    ),
  ]);
  const withClasses = child!.correct !== null;
  const intervals = bootstrapMeans(
    withClasses ? differences : differences.filter((_, at) => at % 2 === 0),
    random,
  );
  const each = withClasses ? 2 : 1;
  return models.map(({ model, job, checkpoint, batch_norm }, at): GateRow => ({
    model,
    job,
    checkpoint,
    batch_norm,
    on,
    slice,
    samples: scores[at]!.losses.length,
    loss: meanLoss(scores[at]!),
    accuracy: meanAccuracy(scores[at]!),
    advantage: at === 0 ? null : {
      loss: intervals[(at - 1) * each] ?? null,
      accuracy: withClasses ? intervals[(at - 1) * each + 1] ?? null : null,
    },
  }));
}

/** The best by the metric, then by the loss, then the first. */
function bestOf(rows: readonly GateRow[], metric: GateResult["metric"]): GateRow {
  const byLoss = ({ loss }: GateRow) => loss ?? Infinity;
  const rank = metric === "loss" ? byLoss : ({ accuracy }: GateRow) => -(accuracy ?? -Infinity);
  return rows.toSorted((a, b) => rank(a) - rank(b) || byLoss(a) - byLoss(b))[0]!;
}

function nameOf({ job, checkpoint }: Pick<GateRow, "job" | "checkpoint">) {
  return { job: job!, checkpoint: checkpoint! };
}

/** What cannot be reckoned, because a loss is not finite, is not accepted. */
function verdict(advantage: Interval | null, minDelta: number): GateResult["accepted"] {
  if (advantage === null || advantage.high <= minDelta) return false;
  return advantage.low > minDelta ? true : "inconclusive";
}
