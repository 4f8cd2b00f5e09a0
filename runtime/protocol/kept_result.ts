import { z } from "zod";

const count = z.number().int().min(0);

/** What the server adds to a side worker's result that it keeps: of which job, and where it stood. */
export const KEPT_RESULT = {
  job: z.string(),
  checkpoint: z.number().int().min(1),
  take: z.number().int().min(1),
  step: count,
  axis_step: count,
  epoch: count,
  dataset_hash: z.string().nullable(),
  created_at: z.number(),
} as const;
