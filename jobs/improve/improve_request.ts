import { z } from "zod";
import { BatchNormPolicy, GateRule } from "../../runtime/protocol/merge_gate.ts";
import { Selection } from "../../runtime/protocol/selection.ts";

const whole = z.number().int().min(1);
const multiplier = z.number().positive().max(1e6);

/** Most children of a round: they are made in one atomic, and a merge takes as many. */
const MOST_CHILDREN = 32;

/** What one child of each round trains on. */
const PlannedChild = z.strictObject({ selection: Selection, lr_mul: multiplier.optional() });

/** What `POST /sessions/{id}/improve` asks for: rounds of scan, fork, train, merge and gate. */
export const ImproveRequest = z.strictObject({
  job: z.string().min(1).max(100).optional()
    .describe("where the first round begins; the session's root when absent"),
  at: z.union([z.literal("now"), whole], 'expected "now" or a checkpoint number').default("now"),
  selection: Selection.optional()
    .describe("a quantile, label or kmeans rule that is cut into as many as there are children"),
  children: z.union([
    whole.min(2).max(MOST_CHILDREN),
    z.array(PlannedChild).min(2).max(MOST_CHILDREN),
  ], `expected 2 to ${MOST_CHILDREN}, or a list of as many, each with its selection`),
  config: z.record(z.string(), z.unknown()).default({}),
  lr_mul: multiplier.default(1),
  optimizer: z.enum(["keep", "fresh"]).default("keep"),
  budget: z.strictObject({
    steps: whole.describe("that each child trains in each round"),
    seconds: z.number().positive().max(1e9).optional()
      .describe("no stage begins once they are spent"),
    slots: whole.optional().describe("most children that train at once"),
  }),
  strategy: z.string(),
  params: z.record(z.string(), z.unknown()).default({}),
  batch_norm: BatchNormPolicy.default("recalculate"),
  gate: GateRule.prefault({}),
  rounds: whole.max(100).default(1),
});
/** What a plan was asked to do. */
export type ImproveRequest = z.infer<typeof ImproveRequest>;
/** What one child of each round trains on. */
export type PlannedChild = z.infer<typeof PlannedChild>;
