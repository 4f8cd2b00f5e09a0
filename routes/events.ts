import { type Context, Hono } from "hono";
import type { EventFilter } from "../jobs/events/event_log.ts";
import { UnprocessableError } from "../jobs/errors.ts";
import { SERVER_EVENT_TYPES, TRAINER_EVENT_TYPES } from "../runtime/protocol/events.ts";
import type { AppDeps } from "./app_deps.ts";
import { eventCursor } from "./event_cursor.ts";
import { FrameReader } from "./event_frames.ts";
import { eventStream } from "./event_stream.ts";
import { nearestName } from "./nearest_name.ts";
import { parseQuery } from "./parse.ts";
import { EventsQuery } from "./schemas.ts";

/** Streams of events: of a job from its beginning, of a session and of everything from now. */
export function eventRoutes(deps: AppDeps): Hono {
  const { jobs, log } = deps;
  const reader = new FrameReader(log);

  const stream = (c: Context, scope: EventFilter, otherwise: number): Response => {
    const query = parseQuery(c, EventsQuery);
    const given = c.req.header("Last-Event-ID") ?? query.after;
    const types = query.types === undefined ? undefined : eventTypes(query.types);
    const headers = {
      "Content-Type": "text/event-stream",
      "Cache-Control": "no-store",
      // Asks a proxy that gathers answers to pass this one on as it comes.
      "X-Accel-Buffering": "no",
    };
    // HEAD would drop a stream that nobody then ends.
    if (c.req.method === "HEAD") return c.body(null, 200, headers);
    const body = eventStream(log, reader, {
      filter: { ...scope, types },
      cursor: eventCursor(log, given, otherwise),
      follow: query.follow === "true",
      sampleMs: query.sample_ms ?? null,
      heartbeatMs: deps.heartbeatMs ?? 15_000,
      closing: deps.closing,
    });
    return c.body(body, 200, headers);
  };

  return new Hono()
    .get("/jobs/:id/events", async (c) => {
      const { id } = await jobs.get(c.req.param("id"));
      return stream(c, { job: id }, 0);
    })
    .get("/sessions/:id/events", async (c) => {
      const { id } = await jobs.session(c.req.param("id"));
      return stream(c, { session: id }, log.lastSeq);
    })
    .get("/events", (c) => stream(c, {}, log.lastSeq));
}

const EVENT_TYPES = Object.keys({ ...TRAINER_EVENT_TYPES, ...SERVER_EVENT_TYPES });

/** The types of a comma-separated list. @throws {UnprocessableError} for one that there is not. */
function eventTypes(list: string): string[] {
  const types = list.split(",").map((type) => type.trim()).filter((type) => type !== "");
  const unknown = types.find((type) => !EVENT_TYPES.includes(type));
  if (unknown === undefined) return types;
  const nearest = nearestName(unknown, EVENT_TYPES);
  const hint = nearest === null ? `known: ${EVENT_TYPES.join(", ")}` : `did you mean ${nearest}?`;
  throw new UnprocessableError("types", `there is no event type ${unknown}; ${hint}`);
}
