import type { Context } from "hono";
import { JobState } from "../jobs/job.ts";
import type { MetricPoint } from "../jobs/events/metrics_store.ts";
import type { AppDeps } from "./app_deps.ts";
import type { ListFilter } from "./views/job_list.tsx";

/** Milliseconds between two frames of a job in a list. */
export const LIST_MS = 1000;

/** Events that change what a list of jobs shows. */
export const LIST_TYPES = [
  "trainStep",
  "newRun",
  "state_changed",
  "session_started",
  "validation",
  "test_complete",
  "auto_test_complete",
  "merge_gate",
].join(",");

/** Points of a sparkline. */
const CURVE_POINTS = 40;

/** The filter that an address asks for; what it does not know counts as not asked. */
export function listFilter(c: Context): ListFilter {
  const state = JobState.safeParse(c.req.query("state"));
  const sessions = Number(c.req.query("sessions") ?? 30);
  return {
    state: state.success ? state.data : null,
    project: c.req.query("project") || null,
    search: c.req.query("q") ?? "",
    sessions: Number.isInteger(sessions) && sessions > 0 ? sessions : 30,
  };
}

/** Loss curve of a job, small enough for a row. */
export function curveOf(deps: Pick<AppDeps, "metrics">): (job: string) => MetricPoint[] {
  return (job: string) =>
    deps.metrics.query(job, { series: ["loss"], points: CURVE_POINTS }).series["loss"] ?? [];
}
