import type { ProblemSlug } from "./problem.ts";

/** A request that HTTP itself refuses, before any job is asked. */
export class RequestError extends Error {
  override name = "RequestError";
  constructor(
    readonly slug: ProblemSlug,
    message: string,
    readonly extra: Record<string, unknown> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
