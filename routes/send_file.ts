import type { Context } from "hono";
import { byteRange } from "./byte_range.ts";

/** A file to download. */
export interface Download {
  path: string;
  bytes: number;
  /** What the client keeps it as. */
  name: string;
  /** Names the content; null where nobody knows its hash. */
  sha256: string | null;
}

/** Answers with a file, or the range of it that was asked for. */
export async function sendFile(c: Context, file: Download): Promise<Response> {
  const etag = file.sha256 === null ? null : `"${file.sha256}"`;
  if (etag !== null) c.header("ETag", etag);
  c.header("Accept-Ranges", "bytes");
  c.header("Content-Disposition", attachment(file.name));
  if (etag !== null && c.req.header("If-None-Match") === etag) return c.body(null, 304);

  const condition = c.req.header("If-Range");
  const isSame = condition === undefined || condition === etag;
  const range = byteRange(isSame ? c.req.header("Range") : undefined, file.bytes);
  const [from, to] = range ?? [0, file.bytes - 1];
  c.header("Content-Type", "application/octet-stream");
  c.header("Content-Length", String(to - from + 1));
  if (range !== null) c.header("Content-Range", `bytes ${from}-${to}/${file.bytes}`);
  const status = range === null ? 200 : 206;
  if (c.req.method === "HEAD") return c.body(null, status);
  return c.body(await slice(file.path, from, to), status);
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
