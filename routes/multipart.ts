import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Busboy, type BusboyFileStream, type BusboyInstance } from "@fastify/busboy";
import { RequestError } from "./request_error.ts";
import { limitedBody } from "./read_body.ts";

/** One part of a multipart body, its bytes still on their way. */
export interface Part {
  name: string;
  filename: string | undefined;
  bytes: AsyncIterable<Uint8Array>;
}

/**
 * Hands every part of a multipart body to `receive` as it arrives.
 *
 * @param limit Most bytes of the whole body.
 * @throws {RequestError} when the body is malformed, too long or cut off; what `receive` throws.
 */
export async function readMultipart(
  request: Request,
  limit: number,
  receive: (part: Part) => Promise<void>,
): Promise<void> {
  const body = limitedBody(request, limit);
  const parser = createParser(request);
  const open = new Set<BusboyFileStream>();
  const received: Promise<void>[] = [];
  let refusal: unknown;
  parser.on("file", (name: string, stream: BusboyFileStream, filename: string | undefined) => {
    open.add(stream);
    // Without a listener a part that is cut off would end the server.
    stream.on("error", (error) => refusal ??= malformed(error));
    received.push(
      receive({ name, filename, bytes: stream }).then(
        () => void open.delete(stream),
        (error: unknown) => {
          refusal ??= error;
          parser.destroy(error instanceof Error ? error : new Error(String(error)));
        },
      ),
    );
  });
  try {
    await pipeline(Readable.from(body), parser);
  } catch (error) {
    refusal ??= error instanceof RequestError ? error : malformed(error);
    for (const stream of open) stream.destroy(new Error("the body was cut off"));
  }
  await Promise.all(received);
  if (refusal !== undefined) throw refusal;
}

function createParser(request: Request): BusboyInstance {
  try {
    return new Busboy({
      headers: { "content-type": request.headers.get("Content-Type") ?? "" },
      preservePath: true,
      isPartAFile: () => true,
      limits: { parts: 10_000, headerPairs: 50, headerSize: 16 * 1024 },
    });
  } catch (error) {
    throw malformed(error);
  }
}

function malformed(cause: unknown): RequestError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new RequestError("malformed-request", `the multipart body is broken: ${reason}`, {}, {
    cause,
  });
}
