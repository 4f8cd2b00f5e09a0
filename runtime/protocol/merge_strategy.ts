import { z } from "zod";

const weights = z.array(z.number().min(0)).min(2);
const scale = z.number().min(-10).max(10);
const samples = z.number().int().min(1).max(1_000_000);
const seed = z.number().int().min(0).max(2 ** 32 - 1).default(0);

/**
 * Ways to make one model from several, and what each takes as `params`. The job in the path is the
 * first parent, those of `with` follow in their order. Formulas: docs/merging.md.
 */
export const MERGE_STRATEGIES = {
  /** Uniform mean. */
  swa: z.strictObject({}),
  /** Weighted mean. */
  weighted: z.strictObject({
    weights: weights.describe("one for each of [path job, ...with]; they need not sum to 1"),
  }),
  /** Exponential moving average along the parents. */
  ema: z.strictObject({
    decay: z.number().min(0).max(1).default(0.5)
      .describe("share that the average so far keeps when the next parent comes, 0 to 1"),
  }),
  /** The parents that help, the best one first. */
  greedy: z.strictObject({
    metric: z.enum(["accuracy", "loss"]).optional()
      .describe("by what parents are ranked and taken in; accuracy where there is one"),
  }),
  /** Mean weighted by how much each parent's own data hold each weight. */
  fisher: z.strictObject({
    samples: samples.default(256).describe("training samples a parent, drawn by `seed`"),
    empirical: z.boolean().default(false)
      .describe("use the observed labels in place of the model's own predictions"),
    floor: z.number().positive().max(1).default(1e-6)
      .describe("least Fisher value of a weight, where each parent's mean is 1"),
    weights: weights.optional().describe("one for each of [path job, ...with]; 1 each by default"),
    seed: seed.describe("draws the samples"),
  }),
  /** Sum of what each parent learned since the common ancestor. */
  task_arithmetic: z.strictObject({
    scale: scale.default(0.4).describe("times the sum of the task vectors"),
  }),
  /** Task vectors trimmed, their signs elected, the agreeing ones averaged. */
  ties: z.strictObject({
    density: z.number().positive().max(1).default(0.2)
      .describe("share of each task vector that is kept, the largest magnitudes, above 0 to 1"),
    scale: scale.default(1).describe("times the merged task vector"),
  }),
  /** Task vectors thinned out at random and rescaled, then summed. */
  dare: z.strictObject({
    drop_rate: z.number().min(0).max(0.999).default(0.5)
      .describe("share of each task vector that is dropped, 0 to 0.999"),
    scale: scale.default(0.4).describe("times the sum of the rescaled task vectors"),
    seed: seed.describe("draws what is dropped"),
  }),
  /** Along the arc between two parents. */
  slerp: z.strictObject({
    t: z.number().min(0).max(1).default(0.5)
      .describe("place on the arc: 0 is the path job, 1 the other"),
  }),
  /** Between the parents' mean and the ancestor, by the angle between task vectors. */
  model_stock: z.strictObject({}),
  /** The mean in the named layers, the ancestor everywhere else. */
  adapter: z.strictObject({
    layers: z.array(z.string().min(1).max(200)).min(1).max(1_000)
      .describe("glob patterns of weights that are merged, such as `0002/*` or `head/*`"),
    weights: weights.optional().describe("one for each of [path job, ...with]; 1 each by default"),
  }),
  /** A student that learns from the parents' softened predictions. */
  distillation: z.strictObject({
    temperature: z.number().positive().max(100).default(2)
      .describe("divides the logits of teachers and student, above 0"),
    alpha: z.number().min(0).max(1).default(0.5)
      .describe("share of the teachers in the loss; the rest is the job's own loss on the labels"),
    student: z.enum(["mean", "path", "fresh"]).default("mean")
      .describe("where the student begins: the parents' mean, the path job, or new weights"),
  }),
} as const;

/** Name of a merge strategy. */
export type MergeStrategy = keyof typeof MERGE_STRATEGIES;

/** What a strategy takes as `params`. */
export type MergeParams<S extends MergeStrategy> = z.infer<(typeof MERGE_STRATEGIES)[S]>;

/** Strategies that reckon from the parents' common ancestor. */
export const NEEDS_ANCESTOR: ReadonlySet<MergeStrategy> = new Set([
  "task_arithmetic",
  "ties",
  "dare",
  "model_stock",
  "adapter",
]);

/** Strategies that look at what each parent learned since the ancestor, so that each must have. */
export const NEEDS_TASK_VECTORS: ReadonlySet<MergeStrategy> = new Set([
  "task_arithmetic",
  "ties",
  "dare",
  "model_stock",
]);
