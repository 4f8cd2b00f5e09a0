import { RequestError } from "./request_error.ts";

/** The media type without its parameters, lower case; empty when there is none. */
export function mediaType(request: Request): string {
  return (request.headers.get("Content-Type") ?? "").split(";")[0]!.trim().toLowerCase();
}

/** The body as it arrives, cut off with an error once it is longer than `limit` bytes. */
export function limitedBody(request: Request, limit: number): ReadableStream<Uint8Array> {
  const announced = Number(request.headers.get("Content-Length") ?? 0);
  if (announced > limit) throw tooLarge(limit);
  if (request.body === null) return new Blob([]).stream();
  let received = 0;
  return request.body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        received += chunk.byteLength;
        if (received > limit) controller.error(tooLarge(limit));
        else controller.enqueue(chunk);
      },
    }),
  );
}

/** The whole body as text. @throws {RequestError} when it is too long, cut off or no UTF-8. */
export async function readText(request: Request, limit: number): Promise<string> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  try {
    for await (const chunk of limitedBody(request, limit)) chunks.push(chunk.slice());
  } catch (error) {
    throw error instanceof RequestError ? error : cutOff(error);
  }
  return decodeUtf8(new Uint8Array(await new Blob(chunks).arrayBuffer()), "the body");
}

/**
 * The body as JSON; undefined when there is none.
 * @throws {RequestError} when it is of another type, too long or no JSON.
 */
export async function readJson(request: Request, limit: number): Promise<unknown> {
  const type = mediaType(request);
  if (type !== "" && type !== "application/json") {
    throw unsupported(type, ["application/json"]);
  }
  const text = await readText(request, limit);
  if (text.trim() === "") return undefined;
  if (type === "") throw unsupported("", ["application/json"]);
  return parseJson(text, "the body");
}

/** @throws {RequestError} that says where the text is no JSON. */
export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new RequestError("malformed-request", `${what} is no JSON: ${reason}`, {}, { cause });
  }
}

/** @throws {RequestError} when the bytes are no UTF-8. */
export function decodeUtf8(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new RequestError("malformed-request", `${what} is no UTF-8 text`, {}, { cause });
  }
}

/** The refusal of a body past the limit. */
export function tooLarge(limit: number, what = "the body"): RequestError {
  return new RequestError("too-large", `${what} is larger than ${limit} bytes`, { limit });
}

/** The refusal of a media type. */
export function unsupported(type: string, accepted: readonly string[]): RequestError {
  const given = type === "" ? "the request has no Content-Type" : `Content-Type ${type}`;
  return new RequestError("unsupported-media-type", `${given}; send ${accepted.join(", ")}`, {
    accepted,
  });
}

/** The client stopped in the middle of its body. Nobody may be left to read the answer. */
export function cutOff(cause: unknown): RequestError {
  return new RequestError("malformed-request", "the body ended too early", {}, { cause });
}
