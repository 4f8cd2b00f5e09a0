/** An error of the job's own code, and in which phase of the session it came. */
export class PhaseError extends Error {
  override name = "PhaseError";
  private constructor(readonly phase: string, override readonly cause: Error) {
    super(cause.message);
  }

  /** Runs `work`; what it throws comes out as a `PhaseError` of this phase. */
  static async in<T>(phase: string, work: () => T | Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw PhaseError.from(phase, error);
    }
  }

  /** Wraps whatever was thrown; an error that has a phase keeps it. */
  static from(phase: string, thrown: unknown): PhaseError {
    if (thrown instanceof PhaseError) return thrown;
    return new PhaseError(phase, thrown instanceof Error ? thrown : new Error(String(thrown)));
  }
}
