import { AttachedJob } from "../attached/attached_job.ts";
import { NotFoundError } from "../errors.ts";
import type { CheckpointRecord, JobManifest } from "../job.ts";
import { JobRecord } from "./job_record.ts";
import { LiveJob } from "./live_job.ts";
import type { JobDeps } from "../supervisor_deps.ts";

/** The jobs that something was asked of since the server began, each once. */
export class JobRegistry {
  readonly #deps: JobDeps;
  readonly #jobs = new Map<string, Promise<LiveJob>>();
  readonly #loaded = new Map<string, LiveJob>();

  constructor(deps: JobDeps) {
    this.#deps = deps;
  }

  /** Every job that is in memory. */
  loaded(): IterableIterator<LiveJob> {
    return this.#loaded.values();
  }

  /** @throws {NotFoundError} when there is no such job. */
  load(id: string): Promise<LiveJob> {
    const known = this.#jobs.get(id);
    if (known !== undefined) return known;
    const job = this.#read(id);
    this.#jobs.set(id, job);
    job.catch(() => this.#jobs.delete(id));
    return job;
  }

  /** Takes in a job whose manifest is in the store already. */
  adopt(manifest: JobManifest, checkpoints: CheckpointRecord[] = []): LiveJob {
    const Job = manifest.kind === "attached" ? AttachedJob : LiveJob;
    const job = new Job(this.#deps, new JobRecord(this.#deps, manifest, checkpoints));
    this.#loaded.set(manifest.id, job);
    this.#jobs.set(manifest.id, Promise.resolve(job));
    return job;
  }

  forget(id: string): void {
    this.#jobs.delete(id);
    this.#loaded.delete(id);
  }

  /** The manifest as it is now, where KV may be a moment behind. */
  current(stored: JobManifest): JobManifest {
    const { manifest } = this.#loaded.get(stored.id)?.record ?? { manifest: stored };
    return manifest.seq >= stored.seq ? manifest : stored;
  }

  async #read(id: string): Promise<LiveJob> {
    const manifest = await this.#deps.store.get(id);
    if (manifest === null) throw new NotFoundError("job", id);
    const checkpoints = await this.#deps.store.checkpoints(id);
    return this.#loaded.get(id) ?? this.adopt(manifest, checkpoints);
  }
}
