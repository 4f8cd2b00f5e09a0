import type { Idempotency, JobQuery, Page } from "./control_plane.ts";
import type { CheckpointRecord, JobManifest, Receipt } from "./job.ts";

/** What an idempotency key is bound to. */
export interface KeyRecord {
  fingerprint: string;
  /** The job or command that the first request made; null while it is under way. */
  result: string | null;
}

/** Manifests, checkpoint records, receipts and idempotency keys in Deno KV. */
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
  get(job: string): Promise<JobManifest | null>;
  /** Writes a manifest; refuses one whose `seq` is behind the stored one. */
  put(manifest: JobManifest): Promise<void>;
  list(query: JobQuery): Promise<Page<JobManifest>>;
  all(): AsyncIterable<JobManifest>;
  ofSession(session: string): Promise<JobManifest[]>;
  /** Removes a job, its indexes, checkpoints, receipts and keys. */
  delete(job: string): Promise<void>;

  putCheckpoint(record: CheckpointRecord): Promise<void>;
  checkpoint(job: string, checkpoint: number): Promise<CheckpointRecord | null>;
  checkpoints(job: string): Promise<CheckpointRecord[]>;
  deleteCheckpoint(job: string, checkpoint: number): Promise<void>;

  putReceipt(receipt: Receipt): Promise<void>;
  receipt(job: string, commandId: string): Promise<Receipt | null>;
  receipts(job: string): Promise<Receipt[]>;

  /** What the key is bound to in this scope, or null. */
  key(scope: string, key: string): Promise<KeyRecord | null>;
  /** Binds a free key; false when somebody else was first. */
  claimKey(scope: string, idempotency: Idempotency, result: string | null): Promise<boolean>;
  /** Names the result of a claimed key, or frees it with null. */
  settleKey(scope: string, key: string, result: string | null): Promise<void>;
  close(): void;
}
