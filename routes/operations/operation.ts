import { z } from "zod";
import { JobManifest } from "../../jobs/job.ts";
import { EventsQuery } from "../schemas.ts";

/** One call: where it is, what it takes, what it answers when all is well. */
export interface Operation {
  method: "get" | "post" | "put" | "patch" | "delete";
  /** With parameters as Hono writes them: `/jobs/:id`. */
  path: string;
  /** Name of the call, unique. */
  id: string;
  summary: string;
  query?: z.ZodObject;
  body?: z.ZodType;
  /** Media types of the body; JSON when absent. */
  bodyTypes?: readonly string[];
  status: number;
  answer?: z.ZodType;
  answerTypes?: readonly string[];
  /** Whether it waits for a receipt, and may answer 202 instead. */
  waits?: true;
}

/** Addresses of what belongs to a thing, by name. */
export const links = z.record(z.string(), z.string());
/** Where the next page begins; null after the last. */
export const next_cursor = z.string().nullable();

/** A manifest with its links. */
export const Job = z.object({ ...JobManifest.shape, links });

/** An object whose fields the schema leaves open. */
export const Anything = z.record(z.string(), z.unknown());

/** A list, a page at a time. */
export function pageOf(item: z.ZodType): z.ZodObject {
  return z.object({ items: z.array(item), next_cursor });
}

/** A call that answers with server-sent events. */
export function eventStream(path: string, id: string, summary: string): Operation {
  const answerTypes = ["text/event-stream"];
  return { method: "get", path, id, summary, query: EventsQuery, status: 200, answerTypes };
}
