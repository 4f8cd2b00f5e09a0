import type { Context } from "hono";
import type { Idempotency } from "../jobs/control_plane.ts";
import { RequestError } from "./request_error.ts";

/**
 * The request's `Idempotency-Key` with a fingerprint of what was asked, or undefined without one.
 *
 * @param request What the request says once parsed; files by their SHA-256.
 */
export async function idempotencyOf(
  c: Context,
  request: unknown,
): Promise<Idempotency | undefined> {
  const key = c.req.header("Idempotency-Key");
  if (key === undefined) return undefined;
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw new RequestError(
      "malformed-request",
      "Idempotency-Key must be 1 to 255 printable characters without spaces",
      { field: "Idempotency-Key" },
    );
  }
  const text = canonicalJson([c.req.method, c.req.path, request]);
  return { key, fingerprint: await sha256(new TextEncoder().encode(text)) };
}

/** JSON with sorted keys: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (inner === null || typeof inner !== "object" || Array.isArray(inner)) return inner;
    const entries = Object.entries(inner);
    return Object.fromEntries(entries.sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0));
  });
}

/** SHA-256 in hex. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
