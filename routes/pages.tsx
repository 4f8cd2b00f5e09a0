import { type Context, Hono } from "hono";
import { z } from "zod";
import { checkModule } from "../jobs/submission/module_syntax.ts";
import type { AppDeps } from "./app_deps.ts";
import { compareRoutes } from "./compare.tsx";
import { newestEvents } from "./event_history.ts";
import { forBrowsers } from "./for_browsers.tsx";
import { fragmentRoutes } from "./fragments.tsx";
import { gateOf } from "./gate_of.ts";
import { inspectRoutes } from "./inspect.tsx";
import { streamFrom } from "./page_stream.ts";
import { curveOf, LIST_MS, LIST_TYPES, listFilter } from "./list_query.ts";
import { parseBody } from "./parse.ts";
import { sessionPageRoutes } from "./session_pages.tsx";
import { staticRoutes } from "./static.ts";
import { HEALTH_EVENTS, HEALTH_TYPES } from "./views/health_cards.tsx";
import { JobListPage } from "./views/job_list.tsx";
import { JobPage } from "./views/job_page.tsx";
import { Layout } from "./views/layout.tsx";
import { lineageTree } from "./views/lineage.ts";
import { LOG_LINES, LOG_TYPES } from "./views/log_lines.tsx";
import { NewJobPage } from "./views/new_job.tsx";

/** Milliseconds between two frames of a job on its own page. */
const LIVE_MS = 50;

/** What the page `/new` asks before it submits; the answer is the one that submitting would give. */
const SyntaxCheck = z.strictObject({
  module: z.string(),
  name: z.string().max(255).default("module.ts"),
  modules: z.array(z.string().max(255)).max(1000).default([]),
});

/**
 * The pages. `/jobs/{id}` and `/sessions/{id}` are also addresses of the API: a page is shown to who
 * prefers HTML, everyone else falls through to the route behind it.
 */
export function pageRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  app.route("/", staticRoutes());
  app.route("/", fragmentRoutes(deps));
  app.route("/", inspectRoutes(deps));
  app.get("/", (c) => listPage(c, deps));
  app.get("/new", (c) => newPage(c, deps));
  app.post("/new/check", async (c) => {
    const { module, name, modules } = await parseBody(c, SyntaxCheck);
    const { project, runName } = checkModule(module, name, {
      extraModules: modules,
      allowed: deps.importable ?? [],
    });
    return c.json({ project, run_name: runName });
  });
  app.get("/jobs/:id", forBrowsers((c) => jobPage(c, deps, c.req.param("id")!)));
  app.route("/", sessionPageRoutes(deps));
  app.route("/", compareRoutes(deps));
  return app;
}

async function listPage(c: Context, deps: AppDeps): Promise<Response> {
  const stream = streamFrom(deps, "/events", LIST_MS, LIST_TYPES);
  const sessions = await deps.jobs.sessions();
  return c.html(
    <Layout title="Jobs" script="jobs_page.js" style="job_list.css" stream={stream}>
      <JobListPage
        sessions={sessions}
        health={await deps.jobs.health()}
        filter={listFilter(c)}
        curve={curveOf(deps)}
        origin={new URL(c.req.url).origin}
      />
    </Layout>,
  );
}

async function newPage(c: Context, deps: AppDeps): Promise<Response> {
  const from = c.req.query("from");
  const job = from === undefined ? null : await deps.jobs.get(from);
  const source = job === null ? "" : await deps.jobs.moduleSource(job.id);
  return c.html(
    <Layout title="New job" script="new_job.js" style="new_job.css">
      <NewJobPage
        name={job?.module.name ?? "module.ts"}
        source={source}
        datasets={(await deps.datasets.list()).map(({ name }) => name)}
        grants={{ read: deps.config.allowRead ?? [], net: deps.config.allowNet ?? [] }}
      />
    </Layout>,
  );
}

async function jobPage(c: Context, deps: AppDeps, id: string): Promise<Response> {
  // The stream starts where the log stood before anything was read: nothing falls between.
  const end = deps.log.lastSeq;
  const job = await deps.jobs.get(id);
  const { jobs: family } = await deps.jobs.session(job.session);
  const colour = lineageTree(family).find((row) => row.job.id === id)?.colour ?? 0;
  return c.html(
    <Layout
      title={`${job.run_name}, ${job.project}`}
      script="job_page.js"
      style="job.css"
      stream={streamFrom(deps, `/sessions/${job.session}/events`, LIVE_MS, null, end)}
      data={{
        "data-job": job.id,
        "data-session": job.session,
        "data-name": `${job.project}-${job.run_name}`,
        "data-colour": String(colour),
        "data-origin-step": String(job.origin.step),
      }}
    >
      <JobPage
        job={job}
        family={family}
        health={await deps.jobs.health()}
        gate={gateOf(deps.log, job)}
        tab={c.req.query("tab") ?? "log"}
        log={newestEvents(deps.log, { job: id, types: LOG_TYPES }, LOG_LINES)}
        checkpoints={await deps.jobs.checkpoints(id)}
        healthEvents={newestEvents(deps.log, { job: id, types: HEALTH_TYPES }, HEALTH_EVENTS)}
        receipts={await deps.jobs.receipts(id)}
      />
    </Layout>,
  );
}
