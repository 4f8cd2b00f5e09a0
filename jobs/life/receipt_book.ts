import { NotFoundError } from "../errors.ts";
import type { Receipt } from "../job.ts";
import type { JobStore } from "../storage/job_store.ts";

/** Receipts of control calls: what is on its way to the store is known already. */
export class ReceiptBook {
  readonly #store: JobStore;
  /** By command, until the store has them. */
  readonly #onTheWay = new Map<string, { receipt: Receipt; stored: Promise<void> }>();

  constructor(store: JobStore) {
    this.#store = store;
  }

  /** Resolves when the receipt is stored; it is known at once. */
  put(receipt: Receipt): Promise<void> {
    const { command_id: id } = receipt;
    const before = this.#onTheWay.get(id)?.stored;
    const stored = Promise.resolve(before).then(() => this.#store.putReceipt(receipt)).finally(
      () => {
        if (this.#onTheWay.get(id)?.receipt === receipt) this.#onTheWay.delete(id);
      },
    );
    // Whoever needs it stored waits for `stored`; nobody else has to hear of a store that refuses.
    stored.catch(() => {});
    this.#onTheWay.set(id, { receipt, stored });
    return stored;
  }

  /** @throws {NotFoundError} when the job had no such command. */
  async receipt(job: string, commandId: string): Promise<Receipt> {
    const newest = this.#onTheWay.get(commandId)?.receipt;
    const receipt = newest?.job === job ? newest : await this.#store.receipt(job, commandId);
    if (receipt === null) throw new NotFoundError("command", commandId);
    return receipt;
  }

  /** All of a job, in the order in which they were asked for. */
  async ofJob(job: string): Promise<Receipt[]> {
    const receipts = await this.#store.receipts(job);
    return receipts.map((receipt) => this.#onTheWay.get(receipt.command_id)?.receipt ?? receipt);
  }

  /** Resolves when the store has all there is, or has refused it. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#onTheWay.values().map(({ stored }) => stored));
  }
}
