import { type Context, Hono } from "hono";
import type { AppDeps } from "./app_deps.ts";
import { forBrowsers } from "./for_browsers.tsx";
import { LineageLayouts } from "./lineage_layouts.ts";
import { curveOf, LIST_MS, LIST_TYPES } from "./list_query.ts";
import { streamFrom } from "./page_stream.ts";
import { Layout } from "./views/layout.tsx";
import { SessionJobs, SessionPage } from "./views/session_page.tsx";

/** The page `/sessions/{id}`, and the part of it that is drawn anew while its jobs train. */
export function sessionPageRoutes(deps: AppDeps): Hono {
  const layouts = new LineageLayouts();
  const shown = async (id: string) => {
    const session = await deps.jobs.session(id);
    return { session, layout: layouts.of(id, session.jobs), curve: curveOf(deps) };
  };
  return new Hono()
    .get(
      "/sessions/:id",
      forBrowsers(async (c: Context) => {
        const id = c.req.param("id")!;
        const stream = streamFrom(deps, `/sessions/${id}/events`, LIST_MS, LIST_TYPES);
        const props = await shown(id);
        return c.html(
          <Layout
            title={`${props.session.project} ${id}`}
            script="jobs_page.js"
            style="session.css"
            stream={stream}
          >
            <SessionPage {...props} />
          </Layout>,
        );
      }),
    )
    .get(
      "/fragments/sessions/:id",
      async (c) => c.html(<SessionJobs {...await shown(c.req.param("id"))} />),
    );
}
