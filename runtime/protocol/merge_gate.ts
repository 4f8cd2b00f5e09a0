import { z } from "zod";

/** What statistics of batch normalization become in a merge. */
export const BatchNormPolicy = z.enum(["recalculate", "average"]);
/** What statistics of batch normalization become in a merge. */
export type BatchNormPolicy = z.infer<typeof BatchNormPolicy>;

/** How a merge is judged, and what becomes of one that is not accepted. */
export const GateRule = z.strictObject({
  metric: z.enum(["accuracy", "loss"]).optional()
    .describe("by what models are compared; accuracy where there is one"),
  min_delta: z.number().min(0).max(1e6).default(0)
    .describe("how much better than the best parent the merge must be"),
  on_fail: z.enum(["keep", "discard", "fallback_best"]).default("keep")
    .describe("what becomes of a merge that is not accepted"),
});
/** How a merge is judged. */
export type GateRule = z.infer<typeof GateRule>;

const figure = z.number().nullable();
const count = z.number().int().min(0);
const name = z.string().max(200);

/** The child's advantage: its mean and the 95% interval of a paired bootstrap; positive is better. */
const Advantage = z.object({ mean: z.number(), low: z.number(), high: z.number() }).nullable();

/** One model on one set of samples. */
export const GateRow = z.object({
  /**
   * `child`; `parent`; `ancestor`; of a control, `trained_on`: the ancestor trained on with all
   * data for the parents' summed steps, `soup`: the mean of plain forks of it at that budget.
   */
  model: name,
  job: name.nullable(),
  checkpoint: count.nullable(),
  /** Statistics of batch normalization: the model's own, or recalculated; null without any. */
  batch_norm: z.enum(["own", "recalculate", "average"]).nullable(),
  /** The split: `gate` or `val`, or `train` for what a parent has trained on. */
  on: name,
  /** The parent whose selection picked these samples of it; null: all of the split. */
  slice: name.nullable(),
  samples: count,
  /** Mean over the samples. */
  loss: figure,
  accuracy: figure,
  /** By how much the child's is better than this model's. Null in the child's own row. */
  advantage: z.object({ loss: Advantage, accuracy: Advantage }).nullable(),
});
/** One model on one set of samples. */
export type GateRow = z.infer<typeof GateRow>;

/** What a gate found. */
export const GateResult = z.object({
  /** The held-out split that decided; never `test`. */
  split: z.enum(["gate", "val"]),
  samples: count,
  metric: z.enum(["accuracy", "loss"]),
  min_delta: z.number(),
  /** Whether the interval of the child's advantage over the best parent lies above `min_delta`. */
  accepted: z.union([z.boolean(), z.literal("inconclusive")]),
  best_parent: z.object({ job: name, checkpoint: count }),
  advantage: Advantage,
  /** What became of the merge. */
  outcome: z.enum(["kept", "discarded", "fallback_best"]),
  /**
   * Along the straight line from the first parent to another: how far the loss rises above the line
   * between its ends, at most, and the losses at t from 0 to 1.
   */
  barriers: z.array(z.object({
    job: name,
    checkpoint: count,
    barrier: figure,
    losses: z.array(figure).max(100),
  })).max(64),
  /** What a reader must know of these figures. */
  notes: z.array(z.string().max(1_000)).max(1_000),
  /** Null where it is too long for a manifest; the `merge_gate` event has it. */
  table: z.array(GateRow).max(50_000).nullable(),
});
/** What a gate found. */
export type GateResult = z.infer<typeof GateResult>;

/** What a manifest holds itself of a gate, since KV values stop at 64 KiB: the event has it all. */
const MANIFEST_CHARACTERS = 24 * 1024;
const MANIFEST_NOTES = 20;

/** A result as a manifest holds it: a table that is long is left to the event. */
export function forManifest({ table, notes, ...result }: GateResult): GateResult {
  const fits = JSON.stringify(table).length <= MANIFEST_CHARACTERS;
  return { ...result, notes: notes.slice(0, MANIFEST_NOTES), table: fits ? table : null };
}
