import type { PostedFile } from "./control_plane.ts";
import type { CheckpointRecord } from "./job.ts";

/** Files of jobs under the data folder: `jobs/<id>/{module.ts,files/,checkpoints/,origin/}`. */
export interface ArtifactStore {
  /** A fresh temporary file on the same file system, for an upload. */
  temporaryFile(): Promise<string>;
  /** Lays out a new job's folder. The posted files are moved, not copied. */
  createJob(
    job: string,
    module: string,
    extraModules: { name: string; source: string }[],
    files: PostedFile[],
  ): Promise<void>;
  /** Lays out a child's folder: module and files of `parent`, hard-linked. */
  createChild(job: string, parent: string): Promise<void>;
  jobDir(job: string): string;
  /** Absolute path of a file in a job's folder. */
  resolve(job: string, relative: string): string;
  moduleSource(job: string): Promise<string>;
  /** Makes the folder of an attempt's checkpoints; answers its absolute path. */
  attemptDir(job: string, attempt: number): Promise<string>;
  /** Hard-links a checkpoint into another job's `origin/` folder; answers the absolute path. */
  linkOrigin(job: string, record: CheckpointRecord): Promise<string>;
  /** Whether the file is there and has the recorded SHA-256. */
  verify(record: CheckpointRecord): Promise<boolean>;
  /** Writes bytes to `blobs/<sha256>` in the job's folder; answers the SHA-256. */
  putBlob(job: string, bytes: Uint8Array): Promise<string>;
  getBlob(job: string, sha256: string): Promise<Uint8Array>;
  removeCheckpoint(record: CheckpointRecord): Promise<void>;
  /** Deletes checkpoint files (and temporary ones) that no record names. */
  sweep(job: string, records: CheckpointRecord[]): Promise<void>;
  removeJob(job: string): Promise<void>;
}
