import type { Idempotency } from "../control_plane.ts";
import { ConflictError, UnprocessableError } from "../errors.ts";
import type { JobStore } from "../storage/job_store.ts";

/** A key with the scope in which it is unique. */
export type BoundKey = Idempotency & { scope: string };

/** What a request made, and whether an earlier one with the same key had made it. */
export interface Made<T> {
  made: T;
  replayed: boolean;
}

/** Lets a request that is sent twice happen once. */
export class IdempotentRequests {
  readonly #store: JobStore;
  readonly #underWay = new Set<string>();

  constructor(store: JobStore) {
    this.#store = store;
  }

  /**
   * Makes what the request asks for, or answers what the first request with its key made.
   *
   * @param make Must bind the key to its result before it answers.
   * @param recall Finds the result of the first request.
   * @throws {UnprocessableError} when the key belongs to a request with other content.
   * @throws {ConflictError} when the first request is still under way.
   */
  async once<T>(
    key: BoundKey | undefined,
    make: () => Promise<T>,
    recall: (result: string) => Promise<T>,
  ): Promise<Made<T>> {
    if (key === undefined) return { made: await make(), replayed: false };
    const name = JSON.stringify([key.scope, key.key]);
    const underWay = () =>
      new ConflictError(`a request with Idempotency-Key ${key.key} is under way`);
    if (this.#underWay.has(name)) throw underWay();
    this.#underWay.add(name);
    try {
      const first = await this.#store.key(key.scope, key.key);
      if (first === null) return { made: await make(), replayed: false };
      if (first.fingerprint !== key.fingerprint) {
        throw new UnprocessableError(
          "Idempotency-Key",
          `Idempotency-Key ${key.key} belongs to a request with other content`,
        );
      }
      if (first.result === null) throw underWay();
      return { made: await recall(first.result), replayed: true };
    } finally {
      this.#underWay.delete(name);
    }
  }
}
