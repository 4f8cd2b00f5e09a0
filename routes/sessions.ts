import { Hono } from "hono";
import type { AppDeps } from "./app_deps.ts";
import { sessionView } from "./manifest_view.ts";

/** Sessions: a root job each, and all that was forked or merged from it. */
export function sessionRoutes({ jobs }: AppDeps): Hono {
  return new Hono()
    .get(
      "/sessions",
      async (c) => c.json({ items: (await jobs.sessions()).map(sessionView), next_cursor: null }),
    )
    .get("/sessions/:id", async (c) => c.json(sessionView(await jobs.session(c.req.param("id")))));
}
