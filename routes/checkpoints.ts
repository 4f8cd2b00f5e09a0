import { type Context, Hono } from "hono";
import type { CheckpointRecord } from "../jobs/job.ts";
import { NotFoundError } from "../jobs/errors.ts";
import type { AppDeps } from "./app_deps.ts";
import { sendFile } from "./send_file.ts";

/** Checkpoints of a job: the list, and the safetensors file of each. */
export function checkpointRoutes({ jobs }: AppDeps): Hono {
  const download = async (c: Context): Promise<Response> => {
    const job = c.req.param("id")!;
    const number = c.req.param("checkpoint")!;
    if (!/^[1-9]\d{0,14}$/.test(number)) throw new NotFoundError("checkpoint", number);
    const { record, path } = await jobs.checkpointFile(job, Number(number));
    const { run_name } = await jobs.get(job);
    const { bytes, sha256, step } = record;
    return await sendFile(c, { path, bytes, sha256, name: `${run_name}-step${step}.safetensors` });
  };
  // Hono answers HEAD with the GET handler and drops the body, which cancels the file's stream.
  return new Hono()
    .get("/jobs/:id/checkpoints", async (c) => {
      const records = await jobs.checkpoints(c.req.param("id"));
      const items = records.toSorted((a, b) => b.checkpoint - a.checkpoint).map(checkpointView);
      return c.json({ items, next_cursor: null });
    })
    .get("/jobs/:id/checkpoints/:checkpoint", download);
}

/** A checkpoint as the API shows it: with its address. */
function checkpointView(record: CheckpointRecord) {
  return { ...record, links: { self: `/jobs/${record.job}/checkpoints/${record.checkpoint}` } };
}
