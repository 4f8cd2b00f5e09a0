import type { Attempt } from "./attempt.ts";
import { launchAttempt } from "./attempt.ts";
import { CommandFailedError, UnavailableError } from "../errors.ts";
import type { LiveJob } from "./live_job.ts";
import type { Cancel } from "./timers.ts";

/**
 * The worker of a job that does not train: launched in a helper slot from the newest checkpoint when
 * a command needs the model, let go when none has for a while. The job's state never changes by it.
 */
export class ServeWorker {
  readonly #job: LiveJob;
  #attempt: Attempt | null = null;
  #users = 0;
  #linger: Cancel | null = null;

  constructor(job: LiveJob) {
    this.#job = job;
  }

  /** Whether a worker is there or about to be. */
  get busy(): boolean {
    return this.#users > 0 || this.#attempt !== null;
  }

  /** Lends the worker. @throws {CommandFailedError} when there can be none. */
  async use<T>(command: (attempt: Attempt) => Promise<T>): Promise<T> {
    this.#linger?.();
    this.#users++;
    try {
      if (this.#attempt?.released) await this.#attempt.ended;
      return await command(this.#attempt ?? await this.#open());
    } finally {
      this.#users--;
      this.#lingerOn();
      this.#job.signal();
    }
  }

  /** Waits for the commands that use it, then lets it go. */
  async close(): Promise<void> {
    await this.#job.until(() => this.#users === 0 || undefined);
    this.#linger?.();
    await this.#attempt?.release();
  }

  /** Ends it within the grace, whoever uses it. */
  async end(graceMs: number): Promise<void> {
    this.#linger?.();
    await this.#attempt?.release(graceMs);
  }

  async #open(): Promise<Attempt> {
    const { deps, record } = this.#job;
    await this.#slot();
    try {
      const attempt = await launchAttempt(deps, record, {
        mode: "serve",
        goal: "serve",
        onEvent: this.#job.receive,
      });
      this.#attempt = attempt;
      attempt.ended.then(() => this.#ended());
      await this.#job.until(() => attempt.ready || attempt.gone || undefined);
      if (attempt.ready) return attempt;
      throw await startFailure(attempt);
    } catch (error) {
      if (this.#attempt === null) deps.scheduler.helper.release(record.manifest.id);
      throw error;
    }
  }

  async #slot(): Promise<void> {
    const { id, owner } = this.#job.record.manifest;
    const { helper } = this.#job.deps.scheduler;
    let granted = false;
    helper.enqueue({
      job: id,
      owner,
      start: () => {
        granted = true;
        this.#job.signal();
      },
    });
    await this.#job.until(() => {
      if (!granted && this.#job.closing) throw new UnavailableError("the server is shutting down");
      return granted || undefined;
    });
  }

  #ended(): void {
    this.#attempt = null;
    this.#linger?.();
    this.#job.deps.scheduler.helper.release(this.#job.record.manifest.id);
    this.#job.signal();
  }

  #lingerOn(): void {
    const { deps, closing } = this.#job;
    if (this.#users > 0 || this.#attempt === null) return;
    const somebodyWaits = deps.scheduler.helper.waiting > 0;
    const letGo = () => void this.#attempt?.release();
    if (somebodyWaits || closing) letGo();
    else this.#linger = deps.timers.after(deps.options.lingerMs, letGo);
  }
}

/** Why a worker never got ready, once it is gone. */
export async function startFailure(attempt: Attempt): Promise<CommandFailedError> {
  const exit = await attempt.ended;
  if (attempt.fatal === null && exit.cause === "signal") {
    const message = `the job's worker was ended by ${exit.signal} before it was ready`;
    return new CommandFailedError("worker_gone", message);
  }
  const why = attempt.fatal?.message ?? (exit.stderrTail.trim() || exit.cause);
  return new CommandFailedError("worker_failed", `the job's worker could not start: ${why}`);
}
