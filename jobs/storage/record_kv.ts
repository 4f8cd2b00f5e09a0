import type { z } from "zod";
import { UnavailableError, UnprocessableError } from "../errors.ts";

/** Version of the records; older ones are brought up when they are read. */
const RECORD_VERSION = 1;
const DELETES_AT_ONCE = 100;

/** One change of an atomic write. */
export interface RecordWrite {
  key: Deno.KvKey;
  /** `undefined` deletes. */
  value: unknown;
  /** The versionstamp that must stand there, null for none; left out, nothing is checked. */
  expect?: string | null;
}

/** A record as it was read. */
export interface StoredRecord<T> {
  key: Deno.KvKey;
  value: T;
  versionstamp: string;
}

type Envelope = { v: number; op: string; value: unknown };

/**
 * Deno KV with what a remote one asks of its users: a time limit on every call, and records that
 * name the operation that wrote them, so that a write the network applied twice counts once.
 */
export class RecordKv {
  constructor(readonly kv: Deno.Kv, readonly timeoutMs: number) {}

  /** Nothing is under a key that is longer than keys can be. */
  async get<T>(key: Deno.KvKey, schema: z.ZodType<T>): Promise<StoredRecord<T> | null> {
    try {
      return open(await this.#limited(this.kv.get<Envelope>(key)), schema);
    } catch (error) {
      if (isTooLarge(error)) return null;
      throw error;
    }
  }

  /** At most 10 keys. */
  async getMany<T>(
    keys: Deno.KvKey[],
    schema: z.ZodType<T>,
  ): Promise<(StoredRecord<T> | null)[]> {
    const entries = await this.#limited(this.kv.getMany<Envelope[]>(keys));
    return entries.map((entry) => open(entry, schema));
  }

  async *list<T>(
    selector: Deno.KvListSelector,
    schema: z.ZodType<T>,
    reverse = false,
  ): AsyncGenerator<StoredRecord<T>> {
    const entries = this.kv.list<Envelope>(selector, { reverse });
    for (;;) {
      const next = await this.#limited(entries.next()).catch((error) => {
        if (isTooLarge(error)) return null;
        throw error;
      });
      if (next === null || next.done) return;
      const record = open(next.value, schema);
      if (record) yield record;
    }
  }

  /**
   * Writes everything, or nothing and answers false when an expectation does not hold.
   *
   * @throws {UnprocessableError} naming the largest field of a value past Deno KV's 64 KiB.
   * @throws {UnavailableError} when the store does not answer in time; the write may still happen.
   */
  async write(writes: readonly RecordWrite[]): Promise<boolean> {
    const op = crypto.randomUUID();
    let atomic = this.kv.atomic();
    for (const { key, value, expect } of writes) {
      if (expect !== undefined) atomic = atomic.check({ key, versionstamp: expect });
      const envelope: Envelope = { v: RECORD_VERSION, op, value };
      atomic = value === undefined ? atomic.delete(key) : atomic.set(key, envelope);
    }
    try {
      return (await this.#limited(atomic.commit())).ok || await this.#wasWritten(op, writes);
    } catch (error) {
      throw isTooLarge(error) ? tooLarge(writes, error) : error;
    }
  }

  /** Deletes every key that the selector takes. */
  async clear(selector: Deno.KvListSelector): Promise<void> {
    const entries = await Array.fromAsync(this.kv.list(selector));
    for (let at = 0; at < entries.length; at += DELETES_AT_ONCE) {
      const some = entries.slice(at, at + DELETES_AT_ONCE);
      await this.write(some.map(({ key }) => ({ key, value: undefined })));
    }
  }

  close(): void {
    this.kv.close();
  }

  /** Whether a refused write is our own, applied by an earlier try of the network. */
  async #wasWritten(op: string, writes: readonly RecordWrite[]): Promise<boolean> {
    const first = writes.find(({ value }) => value !== undefined);
    if (!first) return false;
    return (await this.#limited(this.kv.get<Envelope>(first.key))).value?.op === op;
  }

  async #limited<T>(call: Promise<T>): Promise<T> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      late.reject(new UnavailableError(`the job store gave no answer in ${this.timeoutMs} ms`));
    }, this.timeoutMs);
    try {
      return await Promise.race([call, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function open<T>(
  entry: Deno.KvEntryMaybe<Envelope>,
  schema: z.ZodType<T>,
): StoredRecord<T> | null {
  if (entry.value === null) return null;
  const parsed = schema.safeParse(entry.value.value);
  if (entry.value.v === RECORD_VERSION && parsed.success) {
    return { key: entry.key, value: parsed.data, versionstamp: entry.versionstamp };
  }
  throw new Error(`the record ${entry.key.join("/")} (version ${entry.value.v}) cannot be read`, {
    cause: parsed.error,
  });
}

/** Deno KV refuses a key or a value for its size. */
function isTooLarge(error: unknown): error is TypeError {
  return error instanceof TypeError && error.message.includes("too large");
}

function tooLarge(writes: readonly RecordWrite[], cause: TypeError): Error {
  const fields = writes.flatMap(({ key, value }) =>
    typeof value === "object" && value !== null
      ? Object.entries(value).map(([field, part]) => ({ key, field, size: sizeOf(part) }))
      : []
  );
  const largest = fields.sort((a, b) => b.size - a.size)[0];
  if (!largest) return cause;
  const { field, size, key } = largest;
  return new UnprocessableError(
    field,
    `${field} of ${
      key.slice(0, 2).join(" ")
    } is too large: ${size} characters, a record holds 64 KiB`,
  );
}

function sizeOf(value: unknown): number {
  return JSON.stringify(value)?.length ?? 0;
}
