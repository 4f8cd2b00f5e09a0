/** What a recomputation is given, and what it answers. */
import { z } from "zod";
import type { Json } from "./json.ts";

const count = z.number().int().min(0);
const figure = z.number().nullable();

/** Most steps that one recomputation compares: they travel in one line. */
export const MAX_CERTIFIED_STEPS = 100_000;

/** What the log and the folder have of the steps behind the checkpoint that the worker is at. */
export const CertifyPayload = z.strictObject({
  /** Loss, learning rate and accuracy of each step, in order. */
  steps: z.array(z.tuple([figure, figure, figure])).min(1).max(MAX_CERTIFIED_STEPS),
  /** Changes of the trajectory, to be made again at their steps. */
  commands: z.array(z.strictObject({
    command: z.string(),
    payload: z.record(z.string(), z.unknown()),
    applied_at_step: count,
  })),
  /** Checkpoints that were saved on the way. */
  checkpoints: z.array(z.strictObject({ checkpoint: count, step: count, path: z.string() })),
});
/** What the log and the folder have of the steps behind a checkpoint. */
export type CertifyPayload = z.infer<typeof CertifyPayload>;

/** What a recomputation found. Both null: every bit is the same. */
export interface CertifyResult {
  /** Steps that were trained again. */
  steps: number;
  /** Checkpoints that were compared. */
  compared: number[];
  /** The first step whose figures differ. */
  step: {
    step: number;
    field: "loss" | "lr" | "accuracy";
    logged: number | null;
    recomputed: number | null;
  } | null;
  /** The first tensor that differs, in the first checkpoint that does. */
  tensor: {
    step: number;
    checkpoint: number;
    tensor: string;
    element: number | null;
    saved: Json;
    recomputed: Json;
  } | null;
}
