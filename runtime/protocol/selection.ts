import { z } from "zod";
import { IndexBase } from "./report.ts";
import { SampleKind } from "./suspects.ts";

const index = z.number().int().min(0);
const whole = z.number().int();
const of = IndexBase.optional();
const share = z.number().min(0).max(1);

/** Most selections that one combination has. */
const MOST_COMBINED = 20;

const LEAVES = [
  z.strictObject({ kind: z.literal("all"), of }),
  z.strictObject({ kind: z.literal("indices"), indices: z.array(index).min(1), of }),
  z.strictObject({ kind: z.literal("quantile"), from: share, to: share, of })
    .refine((range) => range.from < range.to, { message: "from must be less than to" }),
  z.strictObject({
    kind: z.literal("region"),
    from: z.number().optional(),
    to: z.number().optional(),
    of,
  }).refine(
    ({ from = -Infinity, to = Infinity }) => from < to && (from > -Infinity || to < Infinity),
    { message: "expected from, to or both, from less than to" },
  ),
  z.strictObject({ kind: z.literal("hardest"), n: z.number().int().min(1), of }),
  z.strictObject({ kind: z.literal("misclassified"), of }),
  z.strictObject({ kind: z.literal("label"), labels: z.array(whole).min(1).max(1_000), of }),
  z.strictObject({
    kind: z.literal("kmeans"),
    k: z.number().int().min(1).max(1_000),
    clusters: z.array(index).min(1).max(1_000),
    layer: z.string().max(200).optional(),
    of,
  }).refine(({ k, clusters }) => clusters.every((cluster) => cluster < k), {
    message: "clusters are numbered from 0 to k - 1",
  }),
  z.strictObject({
    kind: z.literal("suspects"),
    run: z.number().int().min(1).optional(),
    kinds: z.array(SampleKind).min(1).optional(),
    /** Filled in by the server, from the search: what is kept picks the same ever after. */
    indices: z.array(index).optional(),
    of,
  }),
] as const;

/** Rules, and the combinations of others. Two levels are enough, and keep the schema finite. */
function withCombinations<S extends z.ZodType>(rule: S) {
  const selections = z.array(rule).min(1).max(MOST_COMBINED);
  return z.discriminatedUnion("kind", [
    ...LEAVES,
    z.strictObject({ kind: z.literal("and"), selections, of }),
    z.strictObject({ kind: z.literal("or"), selections, of }),
    z.strictObject({ kind: z.literal("not"), selection: rule, of }),
  ]);
}

const OF_AT_TOP = { message: "of stands at the top of a combination, not within" };
const ONE_CLUSTERING = {
  message: "one selection has one clustering: the same k and layer throughout",
};

const Leaf = z.discriminatedUnion("kind", LEAVES);
const Rule = withCombinations(withCombinations(Leaf));

/**
 * A rule that picks samples, as a small JSON value that can be stored and replayed.
 *
 * Positions are places among the samples that the rule is about: with `of: "parent"`, which is what
 * its absence means, those that the parent trains on; with `"all"` the whole split. `quantile` ranks
 * ascending by (loss, index) with NaN last and takes the share from `from` up to `to`; `region`
 * takes losses from `from` up to, not with, `to`; `hardest` the `n` largest; `misclassified` what
 * the model gets wrong; `label` classes; `kmeans` clusters of the model's embedding; `suspects` what a
 * search found (`run`, the newest when absent). `and`, `or` and
 * `not` combine them, two levels deep; `of` then stands at the top.
 */
export const Selection = Rule.refine(ofAtTop, OF_AT_TOP).refine(oneClustering, ONE_CLUSTERING);
/** A rule that picks samples. */
export type Selection = z.infer<typeof Rule>;

const Reference = z.strictObject({
  kind: z.literal("stored"),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, "expected the sha256 that selection answered"),
});

/** A selection as a request gives it: the rule, or the name of one that was kept. */
export const GivenSelection = z.discriminatedUnion("kind", [...Rule.options, Reference])
  .refine((given) => given.kind === "stored" || ofAtTop(given), OF_AT_TOP)
  .refine((given) => given.kind === "stored" || oneClustering(given), ONE_CLUSTERING)
  .refine((given) => given.kind === "stored" || namesNoSuspects(given), {
    message: "indices of suspects are the server's to fill in; give run and kinds",
  });
/** A selection as a request gives it. */
export type GivenSelection = z.infer<typeof GivenSelection>;

/** What a rule needs to know of every sample. */
export type SelectionColumn = "loss" | "label" | "prediction" | "cluster";

const NEEDS: Record<Selection["kind"], readonly SelectionColumn[]> = {
  all: [],
  indices: [],
  quantile: ["loss"],
  region: ["loss"],
  hardest: ["loss"],
  misclassified: ["label", "prediction"],
  label: ["label"],
  kmeans: ["cluster"],
  suspects: [],
  and: [],
  or: [],
  not: [],
};

/** What a selection needs to know of every sample, whatever it is combined of. */
export function columnsNeeded(selection: Selection): ReadonlySet<SelectionColumn> {
  return new Set(partsOf(selection).flatMap(({ kind }) => NEEDS[kind]));
}

/** The clusterings that a selection is about: none, or the one of all its `kmeans`. */
export function clusterings(selection: Selection): { k: number; layer?: string | undefined }[] {
  return partsOf(selection).filter((part) => part.kind === "kmeans")
    .map(({ k, layer }) => ({ k, layer }));
}

/** A selection and all that it is combined of. */
export function partsOf(selection: Selection): Selection[] {
  if (selection.kind === "not") return [selection, ...partsOf(selection.selection)];
  if (selection.kind !== "and" && selection.kind !== "or") return [selection];
  return [selection, ...selection.selections.flatMap((part) => partsOf(part))];
}

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

function ofAtTop(selection: Selection): boolean {
  return partsOf(selection).every((part) => part === selection || part.of === undefined);
}

function namesNoSuspects(selection: Selection): boolean {
  return partsOf(selection).every((part) => part.kind !== "suspects" || part.indices === undefined);
}

function oneClustering(selection: Selection): boolean {
  return new Set(clusterings(selection).map(({ k, layer }) => `${k} ${layer}`)).size <= 1;
}
