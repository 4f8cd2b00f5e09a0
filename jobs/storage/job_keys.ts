/**
 * Keys in Deno KV. A record is `{v, op, value}`: its schema, the operation that wrote it (so that a
 * write applied twice is known for one), and the value. Indexes hold ids and change with the record.
 *
 *     schema                                      version of this layout
 *     job, <id>                                   manifest
 *     order, all, <created_at>, <id>              id: every job by age
 *     order, session|project|state, <which>, <created_at>, <id>   id: the same, narrowed
 *     name, project|session, <which>, <run_name>  id: a root's name, a child's name
 *     checkpoint, <job>, <n>                      checkpoint record
 *     receipt, <job>, <command id>                receipt, and when it was first written
 *     key, <scope>, <key>                         what an idempotency key is bound to
 *     key_of, <job>, <scope>, <key>               true: a key whose result is the job
 */
import { Buffer } from "node:buffer";
import { z } from "zod";
import { UnprocessableError } from "../errors.ts";
import type { JobManifest } from "../job.ts";

type Indexed = Pick<JobManifest, "id" | "session" | "project" | "state" | "created_at">;
type Named = Pick<JobManifest, "session" | "project" | "kind" | "run_name">;

/** The index entries of a manifest. */
export function indexKeys({ id, session, project, state, created_at }: Indexed): Deno.KvKey[] {
  return [
    ["order", "all", created_at, id],
    ["order", "session", session, created_at, id],
    ["order", "project", project, created_at, id],
    ["order", "state", state, created_at, id],
  ];
}

/** The names a manifest holds: every job's in its session, a root's in its project too. */
export function nameKeys({ session, project, kind, run_name }: Named): Deno.KvKey[] {
  const inSession: Deno.KvKey = ["name", "session", session, run_name];
  const isRoot = kind === "root" || kind === "attached";
  return isRoot ? [["name", "project", project, run_name], inSession] : [inSession];
}

const Position = z.tuple([z.number(), z.string()]);

/** Names a job's place in a list, for the next page. */
export function cursorOf({ created_at, id }: Pick<JobManifest, "id" | "created_at">): string {
  return Buffer.from(JSON.stringify([created_at, id])).toString("base64url");
}

/** The end of an index key, from a cursor. @throws {UnprocessableError} for one no page gave. */
export function parseCursor(cursor: string): [number, string] {
  try {
    return Position.parse(JSON.parse(Buffer.from(cursor, "base64url").toString()));
  } catch (cause) {
    const error = new UnprocessableError("cursor", `cursor ${cursor} is none that a page gave`);
    error.cause = cause;
    throw error;
  }
}
