import { Hono } from "hono";
import { ImproveRequest } from "../jobs/improve/improve_request.ts";
import type { Plan } from "../jobs/improve/plan.ts";
import type { AppDeps } from "./app_deps.ts";
import { idempotencyOf } from "./idempotency.ts";
import { LOCAL_ACTOR } from "./jobs.ts";
import { parseBody, parseConfig } from "./parse.ts";

/** Plans of a session: rounds of scan, fork, train, merge and gate in one call. */
export function improveRoutes({ jobs }: AppDeps): Hono {
  const { improvements } = jobs;
  return new Hono()
    .post("/sessions/:id/improve", async (c) => {
      const session = c.req.param("id");
      const request = await parseBody(c, ImproveRequest);
      parseConfig(request.config);
      const idempotency = await idempotencyOf(c, request);
      const started = await improvements.start(session, request, LOCAL_ACTOR, idempotency);
      c.header("Location", `/sessions/${session}/improve/${started.plan.plan}`);
      if (started.replayed) c.header("Idempotency-Replayed", "true");
      return c.json(planView(started.plan), 201);
    })
    .get("/sessions/:id/improve", async (c) => {
      const plans = await improvements.plans(c.req.param("id"));
      return c.json({ items: plans.reverse().map(planView), next_cursor: null });
    })
    .get("/sessions/:id/improve/:plan", async (c) => {
      const { id, plan } = c.req.param();
      return c.json(planView(await improvements.plan(id, plan)));
    })
    .post("/sessions/:id/improve/:plan/stop", async (c) => {
      const { id, plan } = c.req.param();
      return c.json(planView(await improvements.stop(id, plan, LOCAL_ACTOR)));
    });
}

/** A plan as the API shows it. */
function planView({ idempotency: _, ...plan }: Plan) {
  const { plan: id, session } = plan;
  const self = `/sessions/${session}/improve/${id}`;
  return { ...plan, links: { self, session: `/sessions/${session}`, stop: `${self}/stop` } };
}
