import type { JobManifest } from "../jobs/job.ts";
import type { AppDeps } from "./app_deps.ts";
import type { ComparedJob } from "./views/compare_page.tsx";
import { lineageTree } from "./views/lineage.ts";

/** The figures that are compared first. */
const MAIN_METRICS = ["loss", "val_loss", "accuracy", "val_accuracy"];

/** More figures than these no page has room for. */
const MOST_METRICS = 40;

/**
 * Jobs side by side: each in the colour that it has in its session, with a dash pattern where two
 * share one, under a name that no other of them has.
 *
 * @throws {NotFoundError} where one of them is not there.
 */
export async function jobsToCompare(
  deps: Pick<AppDeps, "jobs">,
  ids: readonly string[],
): Promise<ComparedJob[]> {
  const jobs = await Promise.all(ids.map((id) => deps.jobs.get(id)));
  const colours = new Map<string, number>();
  for (const session of new Set(jobs.map((job) => job.session))) {
    const family = (await deps.jobs.session(session)).jobs;
    for (const { job, colour } of lineageTree(family)) colours.set(job.id, colour);
  }
  const worn = new Map<number, number>();
  return jobs.map((job) => {
    const colour = colours.get(job.id) ?? 0;
    const dash = worn.get(colour) ?? 0;
    worn.set(colour, dash + 1);
    return { job, name: distinctName(job, jobs), colour, dash };
  });
}

/** Its run name; with its project, then its id, where others have the same. */
function distinctName(job: JobManifest, jobs: readonly JobManifest[]): string {
  const names = [
    (one: JobManifest) => one.run_name,
    (one: JobManifest) => `${one.project}/${one.run_name}`,
  ];
  const name = names.find((of) => jobs.filter((one) => of(one) === of(job)).length === 1);
  return name?.(job) ?? `${job.run_name} ${job.id}`;
}

/**
 * The figures that these jobs have, the main ones first, and those of them that have a chart unless
 * the address says otherwise. A matrix's cells are no curves.
 */
export function metricsOf(
  deps: Pick<AppDeps, "metrics">,
  jobs: readonly ComparedJob[],
): { metrics: string[]; usual: string[] } {
  const found = new Set(
    jobs.flatMap(({ job }) => deps.metrics.query(job.id, { series: [], points: 1 }).available),
  );
  const others = [...found].filter((name) => !name.includes("/")).sort();
  const usual = MAIN_METRICS.filter((name) => found.has(name));
  return {
    metrics: [...new Set([...MAIN_METRICS, ...others])].slice(0, MOST_METRICS),
    usual: usual.length > 0 ? usual : ["loss", "val_loss"],
  };
}
