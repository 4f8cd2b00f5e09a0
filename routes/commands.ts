import { type Context, Hono } from "hono";
import type { ControlRequest, PendingCommand } from "../jobs/control_plane.ts";
import { CommandFailedError } from "../jobs/errors.ts";
import { HEALTH_CHECKS, HEALTH_PAYLOADS, type HealthCheck } from "../runtime/protocol/health.ts";
import type { AppDeps } from "./app_deps.ts";
import { idempotencyOf } from "./idempotency.ts";
import { LOCAL_ACTOR } from "./jobs.ts";
import { nearestName } from "./nearest_name.ts";
import { parseBody } from "./parse.ts";
import { RequestError } from "./request_error.ts";
import { CONTROL_BODIES, SELECTION_LIMIT } from "./schemas.ts";

/** Control calls on one job, and their receipts. */
export function commandRoutes(deps: AppDeps): Hono {
  const { jobs } = deps;
  const answer = async (c: Context, request: ControlRequest): Promise<Response> => {
    const job = c.req.param("id")!;
    const idempotency = await idempotencyOf(c, request);
    const pending = await jobs.command(job, request, LOCAL_ACTOR, idempotency);
    return await answerPending(c, deps, job, pending);
  };

  return new Hono()
    .post(
      "/jobs/:id/pause",
      async (c) => answer(c, { command: "pause", ...await parseBody(c, CONTROL_BODIES.pause) }),
    )
    .post(
      "/jobs/:id/resume",
      async (c) => answer(c, { command: "resume", ...await parseBody(c, CONTROL_BODIES.resume) }),
    )
    .post(
      "/jobs/:id/stop",
      async (c) => answer(c, { command: "stop", ...await parseBody(c, CONTROL_BODIES.stop) }),
    )
    .post(
      "/jobs/:id/test",
      async (c) => answer(c, { command: "test", ...await parseBody(c, CONTROL_BODIES.test) }),
    )
    .post(
      "/jobs/:id/checkpoints",
      async (c) =>
        answer(c, { command: "checkpoint", ...await parseBody(c, CONTROL_BODIES.checkpoints) }),
    )
    .post(
      "/jobs/:id/rewind",
      async (c) => answer(c, { command: "rewind", ...await parseBody(c, CONTROL_BODIES.rewind) }),
    )
    .post(
      "/jobs/:id/reset",
      async (c) => answer(c, { command: "reset", ...await parseBody(c, CONTROL_BODIES.reset) }),
    )
    .post(
      "/jobs/:id/certificate",
      async (c) =>
        answer(c, {
          command: "certificate",
          ...await parseBody(c, CONTROL_BODIES.certificate),
        }),
    )
    .patch(
      "/jobs/:id/hparams",
      async (c) => answer(c, { command: "hparams", ...await parseBody(c, CONTROL_BODIES.hparams) }),
    )
    .post(
      "/jobs/:id/export",
      async (c) => {
        const body = await parseBody(c, CONTROL_BODIES.export, SELECTION_LIMIT);
        return await answer(c, { command: "export", ...body });
      },
    )
    .post(
      "/jobs/:id/selection",
      async (c) => {
        const body = await parseBody(c, CONTROL_BODIES.selection, SELECTION_LIMIT);
        return await answer(c, { command: "selection", ...body });
      },
    )
    .post(
      "/jobs/:id/report",
      async (c) => answer(c, { command: "report", ...await parseBody(c, CONTROL_BODIES.report) }),
    )
    .post(
      "/jobs/:id/suspects",
      async (c) =>
        answer(c, { command: "suspects", ...await parseBody(c, CONTROL_BODIES.suspects) }),
    )
    .post("/jobs/:id/health/:check", async (c) => {
      const check = healthCheck(c.req.param("check"));
      const asked = await parseBody(c, HEALTH_PAYLOADS[check]);
      return await answer(c, { command: "health", check, ...asked });
    })
    .get(
      "/jobs/:id/commands",
      async (c) => c.json({ items: await jobs.receipts(c.req.param("id")), next_cursor: null }),
    )
    .get(
      "/jobs/:id/commands/:command",
      async (c) => c.json(await jobs.receipt(c.req.param("id"), c.req.param("command"))),
    )
    .delete(
      "/jobs/:id/commands/:command",
      async (c) => c.json(await jobs.cancel(c.req.param("id"), c.req.param("command"))),
    );
}

/** @throws {RequestError} for a check that there is not, with the nearest that there is. */
function healthCheck(name: string): HealthCheck {
  const check = HEALTH_CHECKS.find((known) => known === name);
  if (check !== undefined) return check;
  const nearest = nearestName(name, HEALTH_CHECKS);
  const hint = nearest === null
    ? `there are ${HEALTH_CHECKS.join(", ")}`
    : `did you mean ${nearest}?`;
  throw new RequestError("not-found", `there is no health check ${name}; ${hint}`, {
    what: "health check",
    id: name,
    known: HEALTH_CHECKS,
  });
}

/** 200 with the receipt; 202 with its address when the caller, or the time, does not wait. */
async function answerPending(
  c: Context,
  { jobs, receiptWaitMs = 30_000 }: AppDeps,
  job: string,
  { command_id, receipt, replayed }: PendingCommand,
): Promise<Response> {
  if (replayed) c.header("Idempotency-Replayed", "true");
  const waitMs = prefersAsync(c) ? 0 : receiptWaitMs;
  const answer = await within(receipt, waitMs);
  if (answer?.status === "failed") {
    const why = answer.error?.message ?? "it failed";
    throw new CommandFailedError("failed_before", `${why}; a new key asks again`, { command_id });
  }
  if (answer !== null) return c.json(answer);
  // A failure is kept in the receipt, where this caller is sent to look.
  receipt.catch(() => {});
  c.header("Location", `/jobs/${job}/commands/${command_id}`);
  c.header("Retry-After", "1");
  return c.json(await jobs.receipt(job, command_id), 202);
}

function prefersAsync(c: Context): boolean {
  const preferences = (c.req.header("Prefer") ?? "").toLowerCase().split(/[,;]/);
  return preferences.some((preference) => preference.trim() === "respond-async");
}

/** What the promise resolves to, or null when that takes longer. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T | null> {
  if (ms === 0) return null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => timer = setTimeout(() => resolve(null), ms));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
