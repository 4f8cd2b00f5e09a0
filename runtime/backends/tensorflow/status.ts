import { type CApi, readCString } from "./c_api.ts";

/** TensorFlow refused an operation. */
export class TensorFlowError extends Error {
  override name = "TensorFlowError";
  /**
   * @param operation What was asked for: the name of the op, where it was one.
   * @param code `TF_Code`, such as 3 for an invalid argument, 8 for memory that is exhausted.
   * @param detail TensorFlow's own message.
   */
  constructor(readonly operation: string, readonly code: number, readonly detail: string) {
    super(`${operation}: ${detail}`);
  }
}

/** Where TensorFlow says how a call went. */
export class Status {
  readonly pointer: Deno.PointerValue;
  readonly #api: CApi;

  constructor(api: CApi) {
    this.#api = api;
    this.pointer = api.TF_NewStatus();
  }

  /** @throws {TensorFlowError} when the last call that was given this status failed. */
  check(operation: string): void {
    const code = this.#api.TF_GetCode(this.pointer);
    if (code === 0) return;
    const message = readCString(this.#api, this.#api.TF_Message(this.pointer));
    throw new TensorFlowError(operation, code, message);
  }
}
