import { Hono } from "hono";
import type { AppDeps } from "./app_deps.ts";
import { LOCAL_ACTOR } from "./jobs.ts";
import { sessionView } from "./manifest_view.ts";
import { parseBody } from "./parse.ts";
import { CleanBody, CountersBody, SpillBody, SwitchBody } from "./schemas.ts";

/** Sessions: a root job each, and all that was forked or merged from it. */
export function sessionRoutes({ jobs }: AppDeps): Hono {
  return new Hono()
    .get(
      "/sessions",
      async (c) => c.json({ items: (await jobs.sessions()).map(sessionView), next_cursor: null }),
    )
    .get("/sessions/:id", async (c) => c.json(sessionView(await jobs.session(c.req.param("id")))))
    .post("/sessions/:id/switch", async (c) => {
      const { job } = await parseBody(c, SwitchBody);
      return c.json(await jobs.runs.switchRun(c.req.param("id"), job, LOCAL_ACTOR));
    })
    .post("/sessions/:id/spill", async (c) => {
      await parseBody(c, SpillBody);
      return c.json({ items: await jobs.runs.spillAll(c.req.param("id"), LOCAL_ACTOR) });
    })
    .post("/sessions/:id/clean", async (c) => {
      const { dry_run } = await parseBody(c, CleanBody);
      return c.json(await jobs.runs.cleanDisk(c.req.param("id"), dry_run));
    })
    .post("/sessions/:id/counters", async (c) => {
      const seeds = await parseBody(c, CountersBody);
      return c.json(await jobs.runs.setCounterSeeds(c.req.param("id"), seeds));
    });
}
