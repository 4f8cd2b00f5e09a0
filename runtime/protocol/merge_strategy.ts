import { z } from "zod";

/** Ways to make one model from several, and what each takes as `params`. */
export const MERGE_STRATEGIES = {
  /** Uniform mean of the parents' weights. */
  swa: z.strictObject({}),
  /** Mean weighted by `weights`, [path job, ...with]; they need not sum to 1. */
  weighted: z.strictObject({ weights: z.array(z.number().min(0)).min(2) }),
} as const;

/** Name of a merge strategy. */
export type MergeStrategy = keyof typeof MERGE_STRATEGIES;
