import { z } from "zod";

const index = z.number().int().min(0);

/**
 * A rule that picks training samples, as a small JSON value that can be stored and replayed.
 * `indices` are positions in the parent's training set; `quantile` ranks ascending by
 * (loss, index) with NaN last and takes the share from `from` up to `to`; `hardest` takes the
 * `n` largest losses.
 */
export const Selection = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("all") }),
  z.strictObject({ kind: z.literal("indices"), indices: z.array(index).min(1) }),
  z.strictObject({
    kind: z.literal("quantile"),
    from: z.number().min(0).max(1),
    to: z.number().min(0).max(1),
  }).refine((range) => range.from < range.to, { message: "from must be less than to" }),
  z.strictObject({ kind: z.literal("hardest"), n: z.number().int().min(1) }),
]);
/** A rule that picks training samples. */
export type Selection = z.infer<typeof Selection>;

/**
 * The ranks of `count` samples that a quantile takes: from the first up to, not with, the second.
 * Shares that meet leave no sample out and take none twice.
 */
export function quantileRanks(
  share: { from: number; to: number },
  count: number,
): [number, number] {
  return [Math.round(share.from * count), Math.round(share.to * count)];
}
