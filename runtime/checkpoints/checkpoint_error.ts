import { basename } from "node:path";

/** A checkpoint that cannot be written, read, or given to this model; the message says why. */
export class CheckpointError extends Error {
  override name = "CheckpointError";
  /** @param path The checkpoint's file. */
  constructor(readonly path: string, message: string, options?: ErrorOptions) {
    super(`checkpoint ${basename(path)}: ${message}`, options);
  }
}

/** What an error that was caught says. */
export function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
