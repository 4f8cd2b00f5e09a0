import { type Context, Hono } from "hono";
import type { AppDeps } from "./app_deps.ts";
import { forBrowsers } from "./for_browsers.tsx";
import { streamFrom } from "./page_stream.ts";
import { InspectPage } from "./views/inspect_page.tsx";
import { Layout } from "./views/layout.tsx";
import { SampleTable, TABLE_ROWS } from "./views/sample_table.tsx";

/** Samples that a page draws at most: more than its pixels can tell apart. */
const MOST_POINTS = 20_000;
const LIVE_MS = 1_000;

/** What the page follows of the job: how far a scan is, and what it takes now. */
const FOLLOWED = ["progress", "state_changed"].join(",");

/** The page `/jobs/{id}/inspect` and the parts that it asks for. */
export function inspectRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  app.get("/jobs/:id/inspect", forBrowsers((c) => inspectPage(c, deps, c.req.param("id")!)));
  app.get("/fragments/jobs/:id/reports/:report/points", async (c) => {
    const { id, report } = c.req.param();
    return c.json(await deps.jobs.inspection.points(id, Number(report), MOST_POINTS));
  });
  app.get("/fragments/jobs/:id/reports/:report/samples", async (c) => {
    const { id, report } = c.req.param();
    const { sort, first } = tableView(c);
    const { inspection } = deps.jobs;
    const query = { sort, limit: TABLE_ROWS, cursor: String(first) };
    const { items } = await inspection.rows(id, Number(report), query);
    const rows = items.map(({ row }) => row);
    return c.html(
      <SampleTable
        report={await inspection.report(id, Number(report))}
        rows={items}
        trajectories={await inspection.trajectories(id, Number(report), rows)}
        sort={sort}
        first={first}
      />,
    );
  });
  return app;
}

/** Which page of the table an address means. */
function tableView(c: Context): { sort: string; first: number } {
  const first = Number(c.req.query("first") ?? 0);
  return {
    sort: c.req.query("sort") ?? "-loss",
    first: Number.isSafeInteger(first) && first > 0 ? first : 0,
  };
}

async function inspectPage(c: Context, deps: AppDeps, id: string): Promise<Response> {
  const { inspection } = deps.jobs;
  const job = await deps.jobs.get(id);
  const reports = await inspection.reports(id);
  const asked = c.req.query("report");
  const report = asked === undefined
    ? reports[0] ?? null
    : await inspection.report(id, /^[1-9]\d{0,5}$/.test(asked) ? Number(asked) : 0);
  return c.html(
    <Layout
      title={`Inspect ${job.run_name}, ${job.project}`}
      script="inspect_page.js"
      style="inspect.css"
      stream={streamFrom(deps, `/jobs/${id}/events`, LIVE_MS, FOLLOWED)}
      data={{
        "data-job": job.id,
        "data-session": job.session,
        "data-report": JSON.stringify(report),
      }}
    >
      <InspectPage
        job={job}
        report={report}
        reports={reports}
        checkpoints={await deps.jobs.checkpoints(id)}
        {...tableView(c)}
      />
    </Layout>,
  );
}
