/** A command that cannot be carried out; `code` is stable and travels as the reply's `error`. */
export class CommandError extends Error {
  override name = "CommandError";
  constructor(
    readonly code:
      | "no_such_split"
      | "only_serves"
      | "bad_hparams"
      | "cancelled"
      | "no_start"
      | "no_evidence",
    message: string,
  ) {
    super(message);
  }
}
