import { z } from "zod";

const count = z.number().int().min(0);

/** Whether a child's learning rate schedule goes on where its parent was, or begins anew. */
export const SchedulePolicy = z.enum(["continue", "restart"]);
/** Whether a child's learning rate schedule goes on where its parent was, or begins anew. */
export type SchedulePolicy = z.infer<typeof SchedulePolicy>;

/** Share of what a child trains on that is not of its selection. */
export const RehearsalShare = z.number().min(0).lt(1);

/** Mismatched weights that are told one by one at most. */
export const MOST_MISMATCHES = 50;

/** What a fork's worker found when the child began. */
export const ForkFacts = z.strictObject({
  /** Samples that the selection picked, and others mixed in. */
  selected: count,
  rehearsal: count,
  /** Samples that a sibling selects too; siblings with none are left out. */
  shared: z.array(z.strictObject({ job: z.string(), run_name: z.string(), samples: count })),
  /** Samples of val that the selection's rule picks; null where it has none to pick. */
  val_slice: count.nullable(),
  /** Of a module that took the parent's place: which weights it has from the parent. */
  weights: z.strictObject({
    taken: count,
    fresh: count,
    unused: count,
    /** A line each, the first of them. */
    mismatches: z.array(z.string()).max(2 * MOST_MISMATCHES),
    optimizer: z.enum(["kept", "fresh"]),
  }).optional(),
});
/** What a fork's worker found when the child began. */
export type ForkFacts = z.infer<typeof ForkFacts>;
