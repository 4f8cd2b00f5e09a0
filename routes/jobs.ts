import { type Context, Hono } from "hono";
import type { MergeRequest } from "../jobs/control_plane.ts";
import { UnprocessableError } from "../jobs/errors.ts";
import type { JobManifest } from "../jobs/job.ts";
import { MERGE_STRATEGIES, type MergeStrategy } from "../runtime/protocol/merge_strategy.ts";
import type { AppDeps } from "./app_deps.ts";
import { forkAll, forkRequest } from "./forks.ts";
import { idempotencyOf, sha256 } from "./idempotency.ts";
import { manifestView } from "./manifest_view.ts";
import { parseBody, parseConfig, parseQuery, parseValue, queryRecord } from "./parse.ts";
import { ReceivedFiles } from "./received_files.ts";
import { ForkBody, JobListQuery, JobPatch, MergeBody, SELECTION_LIMIT } from "./schemas.ts";
import { readSubmission } from "./submission.ts";

/** Whoever calls a server without accounts. */
export const LOCAL_ACTOR = "local";

/** Jobs: submit, list, read, delete, and the children made from them. */
export function jobRoutes(deps: AppDeps): Hono {
  const { jobs } = deps;
  return new Hono()
    .post("/jobs", (c) => submit(c, deps))
    .get("/jobs", async (c) => {
      const page = await jobs.list(parseQuery(c, JobListQuery));
      return c.json({ ...page, items: page.items.map(manifestView) });
    })
    .get("/jobs/:id", async (c) => c.json(manifestView(await jobs.get(c.req.param("id")))))
    .patch("/jobs/:id", async (c) => {
      const { priority } = await parseBody(c, JobPatch);
      return c.json(
        manifestView(await jobs.prioritize(c.req.param("id"), priority, LOCAL_ACTOR)),
      );
    })
    .delete("/jobs/:id", async (c) => {
      await jobs.delete(c.req.param("id"));
      return c.body(null, 204);
    })
    .get("/jobs/:id/module", async (c) => {
      const source = await jobs.moduleSource(c.req.param("id"));
      return c.body(source, 200, { "Content-Type": "application/typescript; charset=utf-8" });
    })
    .post("/jobs/:id/fork", async (c) => {
      const { children, ...top } = await parseBody(c, ForkBody, SELECTION_LIMIT);
      const parent = c.req.param("id");
      if (children !== undefined) {
        return await forkAll(c, jobs, { parent, actor: LOCAL_ACTOR }, top, children);
      }
      const request = forkRequest(top);
      const idempotency = await idempotencyOf(c, request);
      return created(c, await jobs.fork(parent, request, LOCAL_ACTOR, idempotency));
    })
    .post("/jobs/:id/merge", async (c) => {
      const request = await readMerge(c);
      const idempotency = await idempotencyOf(c, request);
      return created(c, await jobs.merge(c.req.param("id"), request, LOCAL_ACTOR, idempotency));
    });
}

async function submit(c: Context, { jobs, artifacts, config }: AppDeps): Promise<Response> {
  await using files = new ReceivedFiles(artifacts);
  const submission = await readSubmission(c.req.raw, queryRecord(c), files, {
    artifacts,
    maxUpload: config.maxUpload,
    owner: LOCAL_ACTOR,
  });
  const idempotency = await idempotencyOf(c, {
    ...submission,
    module: await hashed(submission.module),
    extraModules: byName(await Promise.all(submission.extraModules.map(hashed))),
    files: byName(submission.files.map(({ name, sha256 }) => ({ name, sha256 }))),
  });
  return created(c, await jobs.submit(submission, idempotency));
}

/** The order in which a client sends its files is not part of what it asks for. */
function byName<T extends { name: string }>(files: T[]): T[] {
  return files.toSorted((a, b) => a.name < b.name ? -1 : 1);
}

async function hashed(module: { name: string; source: string }) {
  return { name: module.name, sha256: await sha256(new TextEncoder().encode(module.source)) };
}

/** A merge's strategy and its params are known at once; whether the models fit, the child finds. */
async function readMerge(c: Context): Promise<MergeRequest> {
  const body = await parseBody(c, MergeBody);
  if (!Object.hasOwn(MERGE_STRATEGIES, body.strategy)) {
    const known = Object.keys(MERGE_STRATEGIES);
    throw new UnprocessableError(
      "strategy",
      `strategy: ${body.strategy} is not known; known: ${known.join(", ")}`,
      { known },
    );
  }
  const schema = MERGE_STRATEGIES[body.strategy as MergeStrategy];
  const params: Record<string, unknown> = parseValue(schema, body.params, "params");
  const parents = 1 + body.with.length;
  if (Array.isArray(params["weights"]) && params["weights"].length !== parents) {
    throw new UnprocessableError(
      "params.weights",
      `params.weights: expected ${parents} weights, one for each of [path job, ...with]`,
    );
  }
  return {
    ...body,
    with: body.with.map((parent) => typeof parent === "string" ? { job: parent } : parent),
    params,
    config: parseConfig(body.config),
    // A student that does not train is no student.
    start: body.start ?? body.strategy === "distillation",
  };
}

function created(
  c: Context,
  { job, replayed }: { job: JobManifest; replayed: boolean },
): Response {
  c.header("Location", `/jobs/${job.id}`);
  if (replayed) c.header("Idempotency-Replayed", "true");
  return c.json(manifestView(job), 201);
}
