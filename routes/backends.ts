import { Hono } from "hono";
import type { AppDeps } from "./app_deps.ts";

/**
 * What jobs can compute on here. Measured once, at the first request: it takes some seconds, and the
 * machine is asked for them.
 */
export function backendRoutes({ backends }: AppDeps): Hono {
  let measured: ReturnType<typeof backends> | undefined;
  return new Hono().get("/backends", async (c) => {
    measured ??= backends();
    try {
      return c.json({ items: await measured, next_cursor: null });
    } catch (error) {
      measured = undefined;
      throw error;
    }
  });
}
