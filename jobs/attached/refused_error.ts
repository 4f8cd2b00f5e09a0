/** The line of a trainer that cannot be taken: it is told why, then cut off. */
export class RefusedError extends Error {
  override name = "RefusedError";
  /** @param code For programs, such as `run_claimed`. */
  constructor(readonly code: string, message: string) {
    super(message);
  }
}
