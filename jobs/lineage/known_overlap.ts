import { quantileRanks, type Selection } from "../../runtime/protocol/selection.ts";
import { loadSelection } from "../life/launch_context.ts";
import type { JobManifest } from "../job.ts";
import type { JobDeps } from "../supervisor_deps.ts";

/**
 * How many samples more than one of these forks of a job trains on, as far as their rules say it:
 * null where only a scan can tell.
 */
export async function knownOverlap(
  deps: Pick<JobDeps, "artifacts">,
  parent: JobManifest,
  children: readonly JobManifest[],
): Promise<number | null> {
  if (children.length < 2) return 0;
  const whole = parent.dataset?.train;
  const rules: Selection[] = [];
  for (const { id, spawn, origin } of children) {
    if (spawn?.kind !== "fork" || spawn.rehearsal !== undefined) return null;
    if (origin.checkpoint !== children[0]!.origin.checkpoint) return null;
    rules.push(await loadSelection(deps, id, spawn.selection));
  }
  const bases = new Set(rules.map(({ of }) => of === "all" ? "all" : "parent"));
  if (bases.size > 1 && parent.selected !== null) return null;
  const size = (bases.has("all") ? null : parent.selected) ?? whole;
  return size === undefined ? null : overlapOf(rules, size);
}

/** The same of rules about the same `size` samples, at the same model. */
export function overlapOf(rules: readonly Selection[], size: number): number | null {
  const places = rules.map((rule) => placesOf(rule, size));
  if (places.every((found) => found !== null)) return countTwice(places, size);
  const ranks = rules.map((rule) => ranksOf(rule, size));
  if (ranks.every((found) => found !== null)) return countTwice(ranks, size);
  return apart(rules) ? 0 : null;
}

/** The samples that a rule names; null where it names none. */
function placesOf(rule: Selection, size: number): Iterable<number> | null {
  if (rule.kind === "all") return range(0, size);
  return rule.kind === "indices" ? rule.indices : null;
}

/** The ranks by loss that a rule names; null where it is not about ranks. */
function ranksOf(rule: Selection, size: number): Iterable<number> | null {
  if (rule.kind === "all") return range(0, size);
  if (rule.kind === "quantile") return range(...quantileRanks(rule, size));
  return rule.kind === "hardest" ? range(size - rule.n, size) : null;
}

function* range(first: number, end: number): Generator<number> {
  for (let at = first; at < end; at++) yield at;
}

function countTwice(sets: readonly Iterable<number>[], size: number): number {
  const times = new Uint8Array(size);
  for (const set of sets) for (const at of set) times[at]!++;
  return times.reduce((twice, count) => twice + Number(count > 1), 0);
}

/** Whether rules are about classes, or clusters of one clustering, that no two of them share. */
function apart(rules: readonly Selection[]): boolean {
  const groups = rules.map(groupsOf);
  if (groups.some((group) => group === null)) return false;
  if (new Set(groups.map((group) => group!.of)).size > 1) return false;
  const all = groups.flatMap((group) => [...new Set(group!.members)]);
  return new Set(all).size === all.length;
}

function groupsOf(rule: Selection): { of: string; members: readonly number[] } | null {
  if (rule.kind === "label") return { of: "label", members: rule.labels };
  if (rule.kind !== "kmeans") return null;
  return { of: `${rule.k} ${rule.layer ?? ""}`, members: rule.clusters };
}
