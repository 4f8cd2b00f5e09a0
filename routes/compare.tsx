import { type Context, Hono } from "hono";
import type { AppDeps } from "./app_deps.ts";
import { jobsToCompare, metricsOf } from "./compare_jobs.ts";
import { forBrowsers } from "./for_browsers.tsx";
import { LIST_TYPES } from "./list_query.ts";
import { streamFrom } from "./page_stream.ts";
import { comparedJobs, comparePath } from "./views/compare_address.ts";
import { CompareLegend, ComparePage } from "./views/compare_page.tsx";
import { CompareTables } from "./views/compare_tables.tsx";
import { Layout } from "./views/layout.tsx";

/** Milliseconds between two frames of a job. */
const COMPARE_MS = 200;

/** The page `/compare?jobs=a,b`, and the parts of it that follow their jobs. */
export function compareRoutes(deps: AppDeps): Hono {
  const compared = (c: Context) => jobsToCompare(deps, comparedJobs(c.req.queries("jobs") ?? []));
  return new Hono()
    .get("/compare", forBrowsers((c) => comparePage(c, deps)))
    .get("/fragments/compare/jobs", async (c) => c.html(<CompareLegend jobs={await compared(c)} />))
    .get(
      "/fragments/compare/tables",
      async (c) => c.html(<CompareTables jobs={await compared(c)} />),
    );
}

async function comparePage(c: Context, deps: AppDeps): Promise<Response> {
  const given = c.req.queries("jobs") ?? [];
  const ids = comparedJobs(given);
  // A form says `jobs=a&jobs=b`; the page has one address.
  if (given.length > 1) return c.redirect(comparePath(ids));
  const end = deps.log.lastSeq;
  const jobs = await jobsToCompare(deps, ids);
  const { metrics, usual } = metricsOf(deps, jobs);
  const asked = c.req.query("metrics")?.split(",") ?? usual;
  const sessions = new Set(jobs.map(({ job }) => job.session));
  const path = sessions.size === 1 ? `/sessions/${[...sessions][0]}/events` : "/events";
  const stream = streamFrom(deps, path, COMPARE_MS, LIST_TYPES, end);
  return c.html(
    <Layout
      title={`Compare ${jobs.map(({ name }) => name).join(", ")}`}
      script={jobs.length === 0 ? "plain_page.js" : "compare_page.js"}
      style="compare.css"
      stream={jobs.length === 0 ? undefined : stream}
      data={{
        "data-name": "compare",
        "data-jobs": JSON.stringify(jobs.map(({ job, name, colour, dash }) => ({
          id: job.id,
          name,
          colour,
          dash,
          originStep: job.origin.step,
        }))),
      }}
    >
      <ComparePage
        jobs={jobs}
        metrics={metrics}
        shown={metrics.filter((name) => asked.includes(name))}
      />
    </Layout>,
  );
}
