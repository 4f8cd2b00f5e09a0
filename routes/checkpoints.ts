import { type Context, Hono } from "hono";
import type { CheckpointRecord } from "../jobs/job.ts";
import { NotFoundError } from "../jobs/errors.ts";
import type { AppDeps } from "./app_deps.ts";
import { byteRange } from "./byte_range.ts";

/** Checkpoints of a job: the list, and the safetensors file of each. */
export function checkpointRoutes({ jobs }: AppDeps): Hono {
  const download = async (c: Context): Promise<Response> => {
    const job = c.req.param("id")!;
    const number = c.req.param("checkpoint")!;
    if (!/^[1-9]\d{0,14}$/.test(number)) throw new NotFoundError("checkpoint", number);
    const { record, path } = await jobs.checkpointFile(job, Number(number));
    const { run_name } = await jobs.get(job);
    return await sendFile(c, record, path, run_name);
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

async function sendFile(
  c: Context,
  record: CheckpointRecord,
  path: string,
  runName: string,
): Promise<Response> {
  const etag = `"${record.sha256}"`;
  const name = `${runName}-step${record.step}.safetensors`;
  c.header("ETag", etag);
  c.header("Accept-Ranges", "bytes");
  c.header("Content-Disposition", attachment(name));
  if (c.req.header("If-None-Match") === etag) return c.body(null, 304);

  const whole = c.req.header("If-Range") ?? etag;
  const range = byteRange(whole === etag ? c.req.header("Range") : undefined, record.bytes);
  const [from, to] = range ?? [0, record.bytes - 1];
  c.header("Content-Type", "application/octet-stream");
  c.header("Content-Length", String(to - from + 1));
  if (range !== null) c.header("Content-Range", `bytes ${from}-${to}/${record.bytes}`);
  const status = range === null ? 200 : 206;
  if (c.req.method === "HEAD") return c.body(null, status);
  return c.body(await slice(path, from, to), status);
}

/** Bytes of a file from `from` up to and with `to`. The file closes with the stream. */
async function slice(path: string, from: number, to: number): Promise<ReadableStream<Uint8Array>> {
  const file = await Deno.open(path);
  await file.seek(from, Deno.SeekMode.Start);
  let left = to - from + 1;
  return new ReadableStream({
    async pull(controller) {
      const buffer = new Uint8Array(Math.min(left, 256 * 1024));
      const read = left === 0 ? null : await file.read(buffer);
      if (read === null) {
        file.close();
        return controller.close();
      }
      left -= read;
      controller.enqueue(buffer.subarray(0, read));
    },
    cancel: () => file.close(),
  }, { highWaterMark: 0 });
}

/** RFC 6266: the name in ASCII for old clients, in UTF-8 for the rest. */
function attachment(name: string): string {
  const ascii = name.replace(/[^\x20-\x7e]|["\\]/g, "_");
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encodeURIComponent(name)}`;
}
