import { z } from "zod";
import type { Idempotency, JobQuery, Page } from "../control_plane.ts";
import { ConflictError, NotFoundError } from "../errors.ts";
import { CheckpointRecord, JobManifest, Receipt } from "../job.ts";
import { cursorOf, indexKeys, nameKeys, parseCursor } from "./job_keys.ts";
import { prepareKv } from "./kv_schema.ts";
import { RecordKv, type RecordWrite } from "./record_kv.ts";

/** What an idempotency key is bound to. */
export interface KeyRecord {
  fingerprint: string;
  /** The job, jobs or command that the first request made; null while it is under way. */
  result: string | null;
}

/** Manifests, checkpoint records, receipts and idempotency keys in Deno KV (`job_keys.ts`). */
export interface JobStore {
  /**
   * Writes a new job with its indexes, its free name and its key, in one checked atomic. The
   * manifest's `run_name` is what was asked for; the answer has the one it got (`baseline-2`).
   * @throws {ConflictError} when the key is taken meanwhile.
   */
  create(
    manifest: JobManifest,
    idempotency?: Idempotency & { scope: string },
  ): Promise<JobManifest>;
  /** The same for several new jobs: all of them or none. The key is then bound to all. */
  createAll(
    manifests: readonly JobManifest[],
    idempotency?: Idempotency & { scope: string },
  ): Promise<JobManifest[]>;
  get(job: string): Promise<JobManifest | null>;
  /**
   * Writes a manifest of a job that is there. Its id, session, project, run_name and created_at
   * never change.
   * @throws {ConflictError} when its `seq` is behind the stored one.
   * @throws {NotFoundError} when the job was deleted.
   */
  put(manifest: JobManifest): Promise<void>;
  /** @throws {UnprocessableError} on field `cursor` for one that no page gave. */
  list(query: JobQuery): Promise<Page<JobManifest>>;
  all(): AsyncIterable<JobManifest>;
  /** Jobs of a session, oldest first. */
  ofSession(session: string): Promise<JobManifest[]>;
  /**
   * Removes a job, its indexes, checkpoints, receipts and keys: those that name it as their result
   * and those of every scope that begins with its id.
   */
  delete(job: string): Promise<void>;

  putCheckpoint(record: CheckpointRecord): Promise<void>;
  checkpoint(job: string, checkpoint: number): Promise<CheckpointRecord | null>;
  checkpoints(job: string): Promise<CheckpointRecord[]>;
  deleteCheckpoint(job: string, checkpoint: number): Promise<void>;

  putReceipt(receipt: Receipt): Promise<void>;
  receipt(job: string, commandId: string): Promise<Receipt | null>;
  /** Receipts of a job, in the order in which they were first written. */
  receipts(job: string): Promise<Receipt[]>;

  /**
   * What the key is bound to in this scope, or null. Claims that an earlier server left open are
   * freed when the store opens.
   */
  key(scope: string, key: string): Promise<KeyRecord | null>;
  /** Binds a free key; false when somebody else was first. */
  claimKey(scope: string, idempotency: Idempotency, result: string | null): Promise<boolean>;
  /** Names the result of a claimed key, or frees it with null. */
  settleKey(scope: string, key: string, result: string | null): Promise<void>;
  close(): void;
}

/**
 * Opens the store: a file, `:memory:`, or a KV Connect URL.
 *
 * @throws {Error} when its schema is newer than this program's.
 */
export async function openJobStore(
  kvPath: string | ":memory:",
  options: { timeoutMs?: number } = {},
): Promise<JobStore> {
  const kv = await Deno.openKv(kvPath);
  try {
    await prepareKv(kv, kvPath);
  } catch (error) {
    kv.close();
    throw error;
  }
  const store = new KvJobStore(new RecordKv(kv, options.timeoutMs ?? 10_000));
  await store.freeOpenClaims();
  return store;
}

const StoredReceipt = z.strictObject({ at: z.number(), receipt: Receipt });
const StoredKey = z.strictObject({ fingerprint: z.string(), result: z.string().nullable() });
const GET_AT_ONCE = 10;

class KvJobStore implements JobStore {
  /** When the receipts that wait for their command were first written, by command. */
  readonly #pendingSince = new Map<string, number>();

  constructor(readonly kv: RecordKv) {}

  async create(
    asked: JobManifest,
    idempotency?: Idempotency & { scope: string },
  ): Promise<JobManifest> {
    const [manifest] = await this.createAll([asked], idempotency);
    return manifest!;
  }

  async createAll(
    asked: readonly JobManifest[],
    idempotency?: Idempotency & { scope: string },
  ): Promise<JobManifest[]> {
    for (;;) {
      const manifests: JobManifest[] = [];
      const names = new Set<string>();
      for (const job of asked) {
        const manifest = { ...job, run_name: await this.#freeName(job, names) };
        for (const key of nameKeys(manifest)) names.add(JSON.stringify(key));
        manifests.push(manifest);
      }
      const writes = [
        ...manifests.flatMap(newRecords),
        ...(idempotency ? boundKey(idempotency, manifests.map(({ id }) => id)) : []),
      ];
      if (await this.kv.write(writes)) return manifests;
      for (const { id } of manifests) {
        if (await this.get(id)) throw new ConflictError(`job ${id} is there already`);
      }
      if (idempotency && await this.key(idempotency.scope, idempotency.key)) {
        throw new ConflictError(
          `the idempotency key ${idempotency.key} is in use by another request`,
        );
      }
      // Somebody took the name meanwhile: look for the next.
    }
  }

  async get(job: string): Promise<JobManifest | null> {
    return (await this.kv.get(["job", job], JobManifest))?.value ?? null;
  }

  async put(manifest: JobManifest): Promise<void> {
    for (;;) {
      const stored = await this.kv.get(["job", manifest.id], JobManifest);
      if (!stored) throw new NotFoundError("job", manifest.id);
      if (manifest.seq < stored.value.seq) {
        throw new ConflictError(
          `the manifest of ${manifest.id} reflects event ${manifest.seq}, the stored one ${stored.value.seq}`,
        );
      }
      const now = new Set(indexKeys(manifest).map((key) => JSON.stringify(key)));
      const left = indexKeys(stored.value).filter((key) => !now.has(JSON.stringify(key)));
      const moved = left.length === 0 ? [] : indexKeys(manifest);
      const written = await this.kv.write([
        { key: ["job", manifest.id], expect: stored.versionstamp, value: manifest },
        ...left.map((key) => ({ key, value: undefined })),
        ...moved.map((key) => ({ key, value: manifest.id })),
      ]);
      if (written) return;
    }
  }

  async list(query: JobQuery): Promise<Page<JobManifest>> {
    const index = query.session !== undefined
      ? ["order", "session", query.session]
      : query.state !== undefined
      ? ["order", "state", query.state]
      : query.project !== undefined
      ? ["order", "project", query.project]
      : ["order", "all"];
    const end = query.cursor === undefined ? undefined : [...index, ...parseCursor(query.cursor)];
    const items: JobManifest[] = [];
    for await (const manifest of this.#ofIndex(index, true, end)) {
      if (query.state !== undefined && manifest.state !== query.state) continue;
      if (query.project !== undefined && manifest.project !== query.project) continue;
      if (items.length === query.limit) return { items, next_cursor: cursorOf(items.at(-1)!) };
      items.push(manifest);
    }
    return { items, next_cursor: null };
  }

  async *all(): AsyncIterable<JobManifest> {
    for await (const { value } of this.kv.list({ prefix: ["job"] }, JobManifest)) yield value;
  }

  ofSession(session: string): Promise<JobManifest[]> {
    return Array.fromAsync(this.#ofIndex(["order", "session", session], false));
  }

  async delete(job: string): Promise<void> {
    // What hangs on the job goes first: a delete that was cut short can then be asked for again.
    await this.kv.clear({ prefix: ["checkpoint", job] });
    await this.kv.clear({ prefix: ["receipt", job] });
    await this.kv.clear({ start: ["key", job], end: ["key", `${job}\u{10ffff}`] });
    for await (const { key } of this.kv.list({ prefix: ["key_of", job] }, z.literal(true))) {
      await this.kv.write([{ key: ["key", ...key.slice(2)], value: undefined }]);
    }
    await this.kv.clear({ prefix: ["key_of", job] });
    for (;;) {
      const stored = await this.kv.get(["job", job], JobManifest);
      if (!stored) return;
      const keys = [...indexKeys(stored.value), ...nameKeys(stored.value)];
      const written = await this.kv.write([
        { key: ["job", job], expect: stored.versionstamp, value: undefined },
        ...keys.map((key) => ({ key, value: undefined })),
      ]);
      if (written) return;
    }
  }

  async putCheckpoint(record: CheckpointRecord): Promise<void> {
    await this.kv.write([{ key: ["checkpoint", record.job, record.checkpoint], value: record }]);
  }

  async checkpoint(job: string, checkpoint: number): Promise<CheckpointRecord | null> {
    return (await this.kv.get(["checkpoint", job, checkpoint], CheckpointRecord))?.value ?? null;
  }

  async checkpoints(job: string): Promise<CheckpointRecord[]> {
    const found = this.kv.list({ prefix: ["checkpoint", job] }, CheckpointRecord);
    return await Array.fromAsync(found, ({ value }) => value);
  }

  async deleteCheckpoint(job: string, checkpoint: number): Promise<void> {
    await this.kv.write([{ key: ["checkpoint", job, checkpoint], value: undefined }]);
  }

  async putReceipt(receipt: Receipt): Promise<void> {
    const { job, command_id, status } = receipt;
    const key = ["receipt", job, command_id];
    const at = status === "pending" ? Date.now() : await this.#requestedAt(key);
    if (status === "pending") this.#pendingSince.set(command_id, at);
    else this.#pendingSince.delete(command_id);
    await this.kv.write([{ key, value: { at, receipt } }]);
  }

  /** When the receipt was first written; known without a look for those of this process. */
  async #requestedAt(key: string[]): Promise<number> {
    return this.#pendingSince.get(key.at(-1)!) ??
      (await this.kv.get(key, StoredReceipt))?.value.at ?? Date.now();
  }

  async receipt(job: string, commandId: string): Promise<Receipt | null> {
    return (await this.kv.get(["receipt", job, commandId], StoredReceipt))?.value.receipt ?? null;
  }

  async receipts(job: string): Promise<Receipt[]> {
    const found = this.kv.list({ prefix: ["receipt", job] }, StoredReceipt);
    const stored = await Array.fromAsync(found, ({ value }) => value);
    return stored.sort((a, b) => a.at - b.at).map(({ receipt }) => receipt);
  }

  async key(scope: string, key: string): Promise<KeyRecord | null> {
    return (await this.kv.get(["key", scope, key], StoredKey))?.value ?? null;
  }

  claimKey(scope: string, idempotency: Idempotency, result: string | null): Promise<boolean> {
    const { key, fingerprint } = idempotency;
    return this.kv.write([{
      key: ["key", scope, key],
      expect: null,
      value: { fingerprint, result },
    }]);
  }

  async settleKey(scope: string, key: string, result: string | null): Promise<void> {
    const claimed = await this.key(scope, key);
    if (!claimed) throw new NotFoundError("idempotency key", key);
    const value = result === null ? undefined : { ...claimed, result };
    const job = result !== null && await this.get(result);
    await this.kv.write([
      { key: ["key", scope, key], value },
      ...(job ? [{ key: ["key_of", job.id, scope, key], value: true }] : []),
    ]);
  }

  async freeOpenClaims(): Promise<void> {
    for await (const { key, value } of this.kv.list({ prefix: ["key"] }, StoredKey)) {
      if (value.result === null) await this.kv.write([{ key, value: undefined }]);
    }
  }

  close(): void {
    this.kv.close();
  }

  /** The name asked for, or the first of `name-2`, `name-3`, ... that nobody holds. */
  async #freeName(manifest: JobManifest, taken: ReadonlySet<string>): Promise<string> {
    for (let number = 1;; number++) {
      const run_name = number === 1 ? manifest.run_name : `${manifest.run_name}-${number}`;
      const keys = nameKeys({ ...manifest, run_name });
      if (keys.some((key) => taken.has(JSON.stringify(key)))) continue;
      const held = await this.kv.getMany(keys, z.string());
      if (held.every((holder) => holder === null)) return run_name;
    }
  }

  async *#ofIndex(
    index: Deno.KvKey,
    newestFirst: boolean,
    before?: Deno.KvKey,
  ): AsyncGenerator<JobManifest> {
    const selector = { prefix: index, ...(before && { end: before }) };
    let ids: string[] = [];
    for await (const { value } of this.kv.list(selector, z.string(), newestFirst)) {
      ids.push(value);
      if (ids.length < GET_AT_ONCE) continue;
      yield* await this.#manifests(ids);
      ids = [];
    }
    if (ids.length > 0) yield* await this.#manifests(ids);
  }

  async #manifests(ids: string[]): Promise<JobManifest[]> {
    const found = await this.kv.getMany(ids.map((id) => ["job", id]), JobManifest);
    return found.flatMap((record) => record ? [record.value] : []);
  }
}

/** A new manifest with its indexes and its names. */
function newRecords(manifest: JobManifest): RecordWrite[] {
  return [
    { key: ["job", manifest.id], expect: null, value: manifest },
    ...indexKeys(manifest).map((key) => ({ key, value: manifest.id })),
    ...nameKeys(manifest).map((key) => ({ key, expect: null, value: manifest.id })),
  ];
}

/** A key bound to jobs, a space between them, and the entries by which they find it. */
function boundKey(
  { scope, key, fingerprint }: Idempotency & { scope: string },
  jobs: string[],
): RecordWrite[] {
  return [
    { key: ["key", scope, key], expect: null, value: { fingerprint, result: jobs.join(" ") } },
    ...jobs.map((job) => ({ key: ["key_of", job, scope, key], value: true })),
  ];
}
