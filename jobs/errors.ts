import type { JobState } from "./job.ts";

/** Base of the errors that a caller can mend. `routes/errors.ts` maps each to a status. */
export class JobError extends Error {
  override name = "JobError";
}

/** There is no such job, session, checkpoint or command. */
export class NotFoundError extends JobError {
  override name = "NotFoundError";
  constructor(readonly what: string, readonly id: string) {
    super(`there is no ${what} ${id}`);
  }
}

/** The request is well formed, yet what it asks for cannot be; `field` is named as the wire names it. */
export class UnprocessableError extends JobError {
  override name = "UnprocessableError";
  constructor(
    readonly field: string,
    message: string,
    readonly extra: Record<string, unknown> = {},
  ) {
    super(message);
  }
}

/** The job's state does not take this; `allowed` says what it takes. */
export class StateConflictError extends JobError {
  override name = "StateConflictError";
  constructor(
    readonly job: string,
    readonly state: JobState,
    readonly allowed: readonly string[],
    message: string,
  ) {
    super(message);
  }
}

/** Something else stands in the way: dependants, a name, a request with the same key under way. */
export class ConflictError extends JobError {
  override name = "ConflictError";
  constructor(message: string, readonly extra: Record<string, unknown> = {}) {
    super(message);
  }
}

/** The trainer took the command and could not do it. */
export class CommandFailedError extends JobError {
  override name = "CommandFailedError";
  constructor(
    readonly code: string,
    message: string,
    readonly extra: Record<string, unknown> = {},
  ) {
    super(message);
  }
}

/** The server is shutting down or has no room; the same request may go through later. */
export class UnavailableError extends JobError {
  override name = "UnavailableError";
}
