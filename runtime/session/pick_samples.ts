import type { RandomStream } from "../determinism/rng.ts";
import type { LaunchContext } from "../protocol/commands.ts";
import type { ForkFacts } from "../protocol/fork.ts";
import { resolveSelection, SelectionError } from "../protocol/resolve_selection.ts";
import { clusterings, columnsNeeded, type Selection } from "../protocol/selection.ts";
import type { TrainingRun } from "../training/training_run.ts";
import { sampleTable } from "./sample_table.ts";

/** Another child of the same call. */
export type Sibling = NonNullable<
  Extract<LaunchContext["start"], { from: "fork" }>["siblings"]
>[number];

/** The samples that a child selects, as ascending positions in the training split. */
export interface Picked {
  /** Null: all there are to pick from. */
  indices: Int32Array | null;
  shared: ForkFacts["shared"];
}

/**
 * Finds what a selection picks at the model as it is: out of the samples that the run draws from, or
 * with `of: "all"` out of the whole split. One scan also tells what siblings pick of them.
 *
 * @throws {SelectionError} for none, and for what cannot be told of these samples.
 */
export async function pickSamples(
  run: TrainingRun,
  selection: Selection,
  siblings: readonly Sibling[],
  progress: (done: number, total: number) => void,
): Promise<Picked> {
  const base = selection.of === "all" ? null : run.indices;
  if (selection.kind === "all") return { indices: base, shared: [] };
  run.enterPhase("selection", run.axisStep);
  const beside = siblings.filter((sibling) => tellable(selection, sibling.selection));
  const rules = [selection, ...beside.map((sibling) => sibling.selection)];
  const samples = { dataset: run.data.train, indices: base };
  const all = { kind: "or", selections: rules } as Selection;
  const table = await sampleTable(run, rules.length === 1 ? selection : all, samples, progress);
  const picked = resolveSelection(selection, table);
  const own = new Set(picked);
  const shared = beside.flatMap((sibling) => {
    const samples = countPicked(sibling.selection, table, own);
    return samples === 0 ? [] : [{ job: sibling.job, run_name: sibling.run_name, samples }];
  });
  return { indices: base === null ? picked : picked.map((place) => base[place]!), shared };
}

/** Whether a scan for the first tells the second as well; where it does not, the sibling's own may. */
function tellable(own: Selection, sibling: Selection): boolean {
  if ((own.of ?? "parent") !== (sibling.of ?? "parent")) return false;
  if (columnsNeeded(own).size === 0 && columnsNeeded(sibling).size > 0) return false;
  const [mine] = clusterings(own);
  return clusterings(sibling).every(({ k, layer }) => k === mine?.k && layer === mine.layer);
}

function countPicked(
  rule: Selection,
  table: Parameters<typeof resolveSelection>[1],
  own: ReadonlySet<number>,
): number {
  try {
    return resolveSelection(rule, table).reduce((sum, place) => sum + Number(own.has(place)), 0);
  } catch (error) {
    // That is for the sibling to say.
    if (error instanceof SelectionError) return 0;
    throw error;
  }
}

/**
 * Draws samples outside of a selection, so that they are this share of both.
 *
 * @param picked Ascending positions that the selection picked.
 * @param base Positions that it picked from.
 * @param share In [0, 1).
 * @returns Ascending positions; as many as there are, where the share asks for more.
 */
export function othersToRehearse(
  picked: Int32Array,
  base: Int32Array,
  share: number,
  random: RandomStream,
): Int32Array {
  const selected = new Set(picked);
  const others = base.filter((place) => !selected.has(place));
  const count = Math.min(others.length, Math.round(picked.length * share / (1 - share)));
  random.shuffle(others);
  return others.slice(0, count).sort();
}
