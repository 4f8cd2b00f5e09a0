import { Hono } from "hono";
import { UnprocessableError } from "../jobs/errors.ts";
import { BACKENDS } from "../runtime/protocol/backend_names.ts";
import { COMMAND_PAYLOADS } from "../runtime/protocol/commands.ts";
import {
  PROTOCOL_VERSION,
  SERVER_EVENT_TYPES,
  TRAINER_EVENT_TYPES,
} from "../runtime/protocol/events.ts";
import { VERSION } from "./package.ts";
import type { AppDeps } from "./app_deps.ts";
import { parseQuery } from "./parse.ts";
import { ServerInfoQuery } from "./schemas.ts";

/** Whether the process answers, and whether it takes work. */
export function healthRoutes({ jobs }: AppDeps): Hono {
  return new Hono()
    .get("/healthz", (c) => c.json({ status: "ok" }))
    .get("/server_info", (c) => {
      const { protocol } = parseQuery(c, ServerInfoQuery);
      return c.json(serverInfo(protocol));
    })
    .get("/readyz", async (c) => {
      const health = await jobs.health();
      return c.json(health, health.ready ? 200 : 503);
    });
}

/** What this server is, for clients that have to know what it speaks. */
function serverInfo(asked: number | undefined) {
  if (asked !== undefined && asked > PROTOCOL_VERSION) {
    const message =
      `protocol: this server speaks ${PROTOCOL_VERSION}, not ${asked}; ask for a newer one`;
    throw new UnprocessableError("protocol", message, { protocol: PROTOCOL_VERSION });
  }
  return {
    name: "onthefly",
    version: VERSION,
    protocol: PROTOCOL_VERSION,
    deno: Deno.version.deno,
    backends: BACKENDS,
    commands: Object.keys(COMMAND_PAYLOADS),
    events: [...Object.keys(TRAINER_EVENT_TYPES), ...Object.keys(SERVER_EVENT_TYPES)],
  };
}
