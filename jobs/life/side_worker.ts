import type {
  CommandName,
  CommandPayload,
  CommandResults,
} from "../../runtime/protocol/commands.ts";
import type { TrainerEvent } from "../../runtime/protocol/events.ts";
import { CommandFailedError, UnavailableError } from "../errors.ts";
import type { CheckpointRecord } from "../job.ts";
import { holdOrigin, releaseOrigins } from "../lineage/origin.ts";
import { SideFolder } from "../storage/side_folder.ts";
import { lowerPriority } from "../workers/process_tree.ts";
import { stillGranted } from "../submission/permissions.ts";
import type { WorkerExit } from "../workers/launcher.ts";
import type { ReceivedEvent } from "../workers/trainer_link.ts";
import { Attempt } from "./attempt.ts";
import { launchContext } from "./launch_context.ts";
import type { LiveJob } from "./live_job.ts";
import { startFailure } from "./serve_worker.ts";

/** How long a worker whose work was cancelled may take to notice, in ms. */
const CANCEL_GRACE_MS = 1_000;

/** Where a side worker's model stands: at a checkpoint, or, null, where the job began. */
type Place = CheckpointRecord | null;

/** A side worker, to whoever uses it. */
export interface SideLink<P extends Place = CheckpointRecord> {
  /** The checkpoint that its model is of. */
  readonly checkpoint: P;
  /** What it said of itself when it got ready. */
  readonly started: TrainerEvent<"session_started">;
  /** Absolute path of the one folder that it may write to. What is wanted of it is moved away. */
  readonly folder: string;
  /** @throws {CommandFailedError} when the worker refuses it, or is gone before it replies. */
  send<C extends CommandName>(command: C, payload: CommandPayload<C>): Promise<CommandResults[C]>;
}

/** What a side worker is used for. */
export type SideWork<T, P extends Place = CheckpointRecord> = (link: SideLink<P>) => Promise<T>;

/**
 * Asks something of a job's model without its training: a worker beside the job's own, in a helper
 * slot, at a checkpoint, for this one use. The job trains on; it waits for no longer than a save.
 *
 * @param checkpoint Its number; null: the job as it is now, saved first if need be.
 * @param signal Ends the work and its worker; the use then rejects with the signal's reason.
 * @throws {StateConflictError | NotFoundError | ConflictError} when there is no such checkpoint.
 * @throws {CommandFailedError} when the checkpoint is damaged, or the worker fails. The job goes on.
 */
export async function useSideWorker<T>(
  job: LiveJob,
  checkpoint: number | null,
  work: SideWork<T>,
  signal?: AbortSignal,
): Promise<T> {
  const origin = await holdOrigin(job, checkpoint, "report");
  try {
    return await job.sides.use(origin.record, work, signal);
  } finally {
    releaseOrigins([origin]);
  }
}

/**
 * The side workers of one job. Of what they say only `progress` and `log` reach the job's log, and
 * an end of theirs, whatever its cause, is the failure of what used them, never the job's.
 */
export class SideWorkers {
  readonly #job: LiveJob;
  readonly #attempts = new Set<Attempt>();
  readonly #uses = new Set<Promise<unknown>>();

  constructor(job: LiveJob) {
    this.#job = job;
  }

  /** Whether one is there or about to be. */
  get busy(): boolean {
    return this.#uses.size > 0;
  }

  /**
   * Lends a worker at this checkpoint, which the caller holds, or at the job's beginning; see
   * {@linkcode useSideWorker}.
   */
  async use<T, P extends Place>(
    checkpoint: P,
    work: SideWork<T, P>,
    signal?: AbortSignal,
  ): Promise<T> {
    const use = this.#use(checkpoint, work, signal);
    this.#uses.add(use);
    try {
      return await use;
    } finally {
      this.#uses.delete(use);
    }
  }

  /** Ends all of them within the grace. */
  async end(graceMs: number): Promise<void> {
    for (const attempt of this.#attempts) void attempt.release(graceMs);
    await Promise.allSettled(this.#uses);
  }

  async #use<T, P extends Place>(
    checkpoint: P,
    work: SideWork<T, P>,
    signal?: AbortSignal,
  ): Promise<T> {
    const { deps, id } = this.#job;
    const folder = new SideFolder(deps.artifacts, id, deps.randomId());
    const slot = `${id}/${folder.name}`;
    const onAbort = () => this.#job.signal();
    signal?.addEventListener("abort", onAbort);
    try {
      await this.#slot(slot, signal);
      await folder.make();
      return await this.#work(await this.#launch(checkpoint, folder), folder, work, signal);
    } finally {
      signal?.removeEventListener("abort", onAbort);
      deps.scheduler.helper.cancel(slot);
      deps.scheduler.helper.release(slot);
      await folder.remove();
    }
  }

  async #work<T, P extends Place>(
    attempt: SideAttempt<P>,
    { path }: SideFolder,
    work: SideWork<T, P>,
    signal?: AbortSignal,
  ): Promise<T> {
    const cancel = () => void attempt.release(CANCEL_GRACE_MS);
    signal?.addEventListener("abort", cancel);
    this.#attempts.add(attempt);
    try {
      if (this.#job.closing || signal?.aborted) cancel();
      await this.#job.until(() => attempt.ready || attempt.gone || undefined);
      const { checkpoint, started } = attempt;
      if (started === null) throw await startFailure(attempt);
      return await work({ checkpoint, started, folder: path, send: attempt.send.bind(attempt) });
    } catch (error) {
      signal?.throwIfAborted();
      throw this.#job.closing ? shuttingDown() : await whyGone(attempt, error);
    } finally {
      signal?.removeEventListener("abort", cancel);
      await attempt.release();
      this.#attempts.delete(attempt);
    }
  }

  async #slot(slot: string, signal?: AbortSignal): Promise<void> {
    let granted = false;
    this.#job.deps.scheduler.helper.enqueue({
      job: slot,
      owner: this.#job.record.manifest.owner,
      start: () => {
        granted = true;
        this.#job.signal();
      },
    });
    await this.#job.until(() => {
      signal?.throwIfAborted();
      if (this.#job.closing) throw shuttingDown();
      return granted || undefined;
    });
  }

  async #launch<P extends Place>(checkpoint: P, folder: SideFolder): Promise<SideAttempt<P>> {
    const { deps, record } = this.#job;
    const { manifest } = record;
    const at: Place = checkpoint;
    const { take, attempt: number } = at ?? manifest;
    const plan = {
      point: at && { record: at, seq: at.seq, take },
      skipped: [],
      range: { untilStep: 0, fromTake: take, toTake: take },
      commands: [],
      continuous: true,
    };
    const start = { attempt: number, goal: "serve", plan, folder: folder.path } as const;
    const worker = await deps.launcher.launch({
      context: await launchContext(deps, manifest, start),
      jobDir: deps.artifacts.jobDir(manifest.id),
      memoryBytes: deps.options.jobMemoryBytes,
      timeoutMs: deps.options.jobTimeoutMs,
      permissions: await stillGranted(manifest.permissions, deps.options.permissions),
      onProcess: async (process) => {
        // Training comes first: where processors are few, looking must not slow what is looked at.
        if (process !== null) lowerPriority(process);
        await folder.note(process);
      },
    });
    const onEvent = this.#receive;
    const attempt = new SideAttempt(
      checkpoint,
      deps,
      number,
      "serve",
      plan,
      manifest.id,
      worker,
      onEvent,
    );
    attempt.ended.then(() => this.#job.signal());
    return attempt;
  }

  readonly #receive = (received: ReceivedEvent, attempt: Attempt): void => {
    const { event } = received;
    const { record } = this.#job;
    if (event.type === "session_started") {
      attempt.ready = true;
      if (attempt instanceof SideAttempt) attempt.started = event;
      this.#job.signal();
    }
    if (event.type === "error" && event.fatal) attempt.fatal = event;
    if (event.type !== "progress" && event.type !== "log") return;
    record.appendReceived(received, record.manifest.take, record.manifest.step);
  };
}

/** The one worker of one use. */
class SideAttempt<P extends Place = Place> extends Attempt {
  /** What it said of itself; null until it is ready. */
  started: TrainerEvent<"session_started"> | null = null;

  constructor(
    readonly checkpoint: P,
    ...attempt: ConstructorParameters<typeof Attempt>
  ) {
    super(...attempt);
  }
}

/** In place of "gone": what took the worker away. */
async function whyGone(attempt: SideAttempt, error: unknown): Promise<unknown> {
  if (!(error instanceof CommandFailedError) || error.code !== "worker_gone") return error;
  const why = attempt.fatal?.message ?? endOf(await attempt.ended);
  const { checkpoint } = attempt;
  const place = checkpoint === null ? "the beginning" : `checkpoint ${checkpoint.checkpoint}`;
  const message = `the side worker at ${place} ended before it answered: ${why}`;
  return new CommandFailedError("worker_gone", message);
}

function endOf({ cause, code, signal, stderrTail }: WorkerExit): string {
  if (cause === "memory") return "it went past its memory limit";
  if (cause === "timeout") return "it went past its wall-clock limit";
  if (cause === "signal") return `it was ended by ${signal}`;
  return stderrTail.trim() || `it exited with code ${code}`;
}

function shuttingDown(): UnavailableError {
  return new UnavailableError("the server is shutting down");
}
