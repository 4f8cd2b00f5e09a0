import { BESIDE, checkControl, runControl } from "./control_commands.ts";
import type { ControlRequest, PendingCommand } from "../control_plane.ts";
import { ConflictError, UnavailableError } from "../errors.ts";
import type { BoundKey, IdempotentRequests } from "./idempotent_requests.ts";
import type { Receipt } from "../job.ts";
import { newCommandId } from "../job_id.ts";
import type { LiveJob } from "./live_job.ts";
import { ReceiptBook } from "./receipt_book.ts";
import { appliedReceipt, failedReceipt, isInLog, pendingReceipt } from "./receipts.ts";
import type { JobDeps } from "../supervisor_deps.ts";

/** A command that can be cancelled. */
interface Beside {
  abort: AbortController;
  /** Resolves when its receipt says how it ended. */
  ended: Promise<void>;
}

/** Takes control calls in and keeps their receipts. */
export class CommandDesk {
  readonly #deps: JobDeps;
  readonly #requests: IdempotentRequests;
  readonly #receipts: ReceiptBook;
  /** What can be cancelled and is under way. */
  readonly #beside = new Map<string, Beside>();

  constructor(deps: JobDeps, requests: IdempotentRequests) {
    this.#deps = deps;
    this.#requests = requests;
    this.#receipts = new ReceiptBook(deps.store);
  }

  /** Starts a control call. What can be refused at once is refused here. */
  async start(
    job: LiveJob,
    request: ControlRequest,
    actor: string,
    key: BoundKey | undefined,
  ): Promise<PendingCommand> {
    const { made } = await this.#requests.once(
      key,
      () => this.#start(job, request, actor, key),
      async (commandId) => {
        const receipt = await this.receipt(job.id, commandId);
        if (receipt.status !== "pending") {
          return { command_id: commandId, receipt: Promise.resolve(receipt), replayed: true };
        }
        throw new ConflictError(`command ${commandId} with the same Idempotency-Key is under way`);
      },
    );
    return made;
  }

  /** @throws {NotFoundError} when the job had no such command. */
  receipt(job: string, commandId: string): Promise<Receipt> {
    return this.#receipts.receipt(job, commandId);
  }

  /** Every receipt of a job, oldest first. */
  receipts(job: string): Promise<Receipt[]> {
    return this.#receipts.ofJob(job);
  }

  /** Resolves when every receipt is stored. */
  settled(): Promise<void> {
    return this.#receipts.settled();
  }

  /**
   * Ends a command that is under way beside the job's turn; one that has ended stays as it is.
   * @throws {ConflictError} for any other: it takes effect at a batch boundary, or not at all.
   */
  async cancel(job: string, commandId: string): Promise<Receipt> {
    const receipt = await this.receipt(job, commandId);
    if (receipt.status !== "pending") return receipt;
    const beside = this.#beside.get(commandId);
    if (beside === undefined) {
      throw new ConflictError(
        `command ${commandId} is a ${receipt.command}: it cannot be cancelled`,
      );
    }
    beside.abort.abort(new ConflictError(`command ${commandId} was cancelled`));
    await beside.ended;
    return await this.receipt(job, commandId);
  }

  async #start(
    job: LiveJob,
    request: ControlRequest,
    actor: string,
    key: BoundKey | undefined,
  ): Promise<PendingCommand> {
    checkControl(job, request);
    const { store } = this.#deps;
    const commandId = newCommandId(this.#deps.randomId);
    if (key !== undefined && !await store.claimKey(key.scope, key, commandId)) {
      throw new ConflictError(`a request with Idempotency-Key ${key.key} is under way`);
    }
    const pending = pendingReceipt(job, commandId, request, actor);
    // Written while the command is on its way: neither waits for the other.
    const written = this.#receipts.put(pending);
    const abort = new AbortController();
    const receipt = this.#finish(job, request, pending, written, abort.signal);
    const ended = receipt.then(() => {}, () => {
      // Whoever still waits hears of it, and the stored receipt says it.
    }).finally(() => this.#beside.delete(commandId));
    if (BESIDE.has(request.command)) this.#beside.set(commandId, { abort, ended });
    await written;
    return { command_id: commandId, receipt, replayed: false };
  }

  async #finish(
    job: LiveJob,
    request: ControlRequest,
    pending: Receipt,
    written: Promise<void>,
    signal: AbortSignal,
  ): Promise<Receipt> {
    const { log } = this.#deps;
    const id = pending.command_id;
    try {
      const applied = appliedReceipt(pending, await runControl(job, { ...request, id }, signal));
      await Promise.all([log.durable(), written]);
      const stored = this.#receipts.put(applied);
      // What the log proves is answered before it is stored: at its start a server asks the log.
      if (!isInLog(log, pending)) await stored;
      return applied;
    } catch (error) {
      // At the server's end the next one says what became of it.
      if (!(error instanceof UnavailableError)) {
        await this.#receipts.put(failedReceipt(pending, error));
      }
      throw error;
    }
  }
}
