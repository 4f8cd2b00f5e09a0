import type { LaunchContext } from "../../runtime/protocol/commands.ts";
import { partsOf, type Selection } from "../../runtime/protocol/selection.ts";
import type { JobManifest } from "../job.ts";
import type { JobDeps } from "../supervisor_deps.ts";

/** Rules that say nothing of samples that they were not made for. */
const BOUND_TO_SAMPLES: readonly Selection["kind"][] = ["all", "indices"];

/** What the parents of a merge selected, by rules that a held-out split can be asked too. */
export async function mergeSlices(
  { store, artifacts }: Pick<JobDeps, "store" | "artifacts">,
  { id, parents, spawn }: JobManifest,
): Promise<Pick<LaunchContext, "slices">> {
  if (spawn?.kind !== "merge" || spawn.gate === null || spawn.gate === undefined) return {};
  const slices: NonNullable<LaunchContext["slices"]> = [];
  for (const job of parents) {
    const parent = await store.get(job);
    if (parent?.spawn?.kind !== "fork" || "sha256" in parent.spawn.selection) continue;
    const { selection } = parent.spawn;
    // The checkpoint where it began may be of another architecture.
    if (parent.spawn.new_module) continue;
    if (partsOf(selection).some(({ kind }) => BOUND_TO_SAMPLES.includes(kind))) continue;
    const before = await store.get(parent.parents[0]!);
    const record = (await store.checkpoints(parent.parents[0]!)).find((candidate) =>
      candidate.checkpoint === parent.origin.checkpoint && candidate.pinned_by.includes(job)
    );
    const whole = before?.dataset?.train;
    if (record === undefined || before === null || whole === undefined) continue;
    slices.push({
      job,
      selection,
      picked_from: selection.of === "all" ? whole : before.selected ?? whole,
      origin: {
        job: record.job,
        checkpoint: record.checkpoint,
        path: await artifacts.linkOrigin(id, record),
        sha256: record.sha256,
      },
    });
  }
  return slices.length === 0 ? {} : { slices };
}
