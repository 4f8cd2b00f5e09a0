import { Hono } from "hono";
import type { AppDeps } from "./app_deps.ts";

/** Whether the process answers, and whether it takes work. */
export function healthRoutes({ jobs }: AppDeps): Hono {
  return new Hono()
    .get("/healthz", (c) => c.json({ status: "ok" }))
    .get("/readyz", async (c) => {
      const health = await jobs.health();
      return c.json(health, health.ready ? 200 : 503);
    });
}
