import {
  CommandFailedError,
  ConflictError,
  NotFoundError,
  StateConflictError,
  UnavailableError,
  UnprocessableError,
} from "../jobs/errors.ts";
import { JobConfigError } from "../runtime/protocol/job_config.ts";
import { RequestError } from "./request_error.ts";

/** Every kind of problem: the slug of its `type`, its status, its title. */
export const PROBLEMS = {
  "malformed-request": { status: 400, title: "The request cannot be read" },
  "unauthorized": { status: 401, title: "A token is required" },
  "forbidden": { status: 403, title: "The request comes from elsewhere" },
  "not-found": { status: 404, title: "There is no such thing" },
  "method-not-allowed": { status: 405, title: "The method is not allowed here" },
  "state-conflict": { status: 409, title: "The job's state does not take this" },
  "conflict": { status: 409, title: "Something stands in the way" },
  "too-large": { status: 413, title: "The body is too large" },
  "unsupported-media-type": { status: 415, title: "The content type is not taken here" },
  "range-not-satisfiable": { status: 416, title: "The range is not in the file" },
  "unprocessable": { status: 422, title: "The request asks for what cannot be" },
  "command-failed": { status: 422, title: "The trainer could not do it" },
  "internal": { status: 500, title: "The server failed" },
  "unavailable": { status: 503, title: "Not now" },
  "no-space": { status: 507, title: "The disk is full" },
} as const;

/** Slug of a problem's type. */
export type ProblemSlug = keyof typeof PROBLEMS;

/** An RFC 9457 problem; `type` is a stable relative reference. */
export interface Problem {
  type: `/problems/${ProblemSlug}`;
  title: string;
  status: number;
  /** What is wrong, for a person; names the field. */
  detail: string;
  /** Path of the offending field, as the wire names it. */
  field?: string;
  job?: string;
  state?: string;
  /** What the job's state takes. */
  allowed?: readonly string[];
  [extension: string]: unknown;
}

/** What is wrong, as the API says it. Errors it does not know become a 500 that tells nothing. */
export function problemOf(error: unknown): Problem {
  if (error instanceof RequestError) return problem(error.slug, error.message, error.extra);
  if (error instanceof NotFoundError) {
    return problem("not-found", error.message, { what: error.what, id: error.id });
  }
  if (error instanceof UnprocessableError) {
    return problem("unprocessable", error.message, { ...error.extra, field: error.field });
  }
  if (error instanceof JobConfigError) {
    return problem("unprocessable", error.message, { field: `config.${error.field}` });
  }
  if (error instanceof StateConflictError) {
    const { job, state, allowed } = error;
    return problem("state-conflict", error.message, { job, state, allowed });
  }
  if (error instanceof ConflictError) return problem("conflict", error.message, error.extra);
  if (error instanceof CommandFailedError) {
    const { code, message, extra } = error;
    if (code === "no_space") return problem("no-space", FULL);
    // Nobody refused it: the worker died, and the next one may well do it.
    const slug = code === "worker_gone" ? "unavailable" : "command-failed";
    return problem(slug, message, { ...extra, code });
  }
  if (error instanceof UnavailableError) return problem("unavailable", error.message);
  if (isDiskFull(error)) {
    return problem("no-space", FULL);
  }
  return problem("internal", "an unexpected error; the server's log has it under this id", {
    id: crypto.randomUUID(),
  });
}

const FULL = "the server's disk is full; make room, then ask again";

function problem(
  slug: ProblemSlug,
  detail: string,
  extra: Record<string, unknown> = {},
): Problem {
  const { title, status } = PROBLEMS[slug];
  return { type: `/problems/${slug}`, title, status, detail, ...extra };
}

/** Files say it with a code, the two databases with SQLite's words. */
function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return "code" in error && error.code === "ENOSPC" ||
    error.message.includes("database or disk is full");
}
