import type { Attempt } from "./attempt.ts";
import { Changes } from "./changes.ts";
import { CommandFailedError, UnavailableError } from "../errors.ts";
import { Holds } from "./holds.ts";
import { ENDED, LIVE } from "../job.ts";
import type { CheckpointRecord, JobAction, JobManifest, JobState } from "../job.ts";
import type { JobRecord, TransitionFacts } from "./job_record.ts";
import { lastSave } from "./last_save.ts";
import type { WorkerExit } from "../workers/launcher.ts";
import { ServeWorker } from "./serve_worker.ts";
import { SideWorkers } from "./side_worker.ts";
import type { JobDeps } from "../supervisor_deps.ts";
import type { Cancel } from "./timers.ts";
import { TrainingWorker } from "./training_worker.ts";
import type { ReceivedEvent } from "../workers/trainer_link.ts";
import { receiveEvent } from "./worker_events.ts";

/**
 * One job at work: its training worker, the queue of what people ask of it, its way through the
 * states. Commands run one after another; a stop overtakes them. The log decides every fact; here
 * is only who acts on it.
 */
export class LiveJob extends Changes {
  /** The training worker, from its launch until it is gone. */
  attempt: Attempt | null = null;
  readonly training = new TrainingWorker(this);
  readonly serve = new ServeWorker(this);
  readonly sides = new SideWorkers(this);
  /** The next worker that gets ready takes the place of one that died. */
  recovering = false;
  /** The server ends: workers are let go, states stay. */
  closing = false;
  /** Checkpoints that something under way still reads. */
  readonly held = new Holds();
  #commands: Promise<unknown> = Promise.resolve();
  #parkTimer: Cancel | null = null;
  #stopTimer: Cancel | null = null;

  constructor(readonly deps: JobDeps, readonly record: JobRecord) {
    super();
  }

  get id(): string {
    return this.record.manifest.id;
  }

  get state(): JobState {
    return this.record.state;
  }

  /** Whether it is a merge that has yet to compute its weights and then parks. */
  get onlyMerges(): boolean {
    const { kind, goal } = this.record.manifest;
    return kind === "merge" && goal === "parked" && this.record.checkpoints.size === 0;
  }

  /** Whether its training takes one of the server's slots. */
  get usesSlot(): boolean {
    return true;
  }

  /** Throws what stands against an action, whatever the state. */
  assertTakes(_action: JobAction): void {}

  /** Whether the file of a checkpoint that was just announced is there. */
  hasFile(_checkpoint: CheckpointRecord): boolean {
    return true;
  }

  /** Runs after everything that was enqueued before. */
  enqueue<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#commands.then(run);
    this.#commands = result.catch(() => {
      // Whoever enqueued it hears of it.
    });
    return result;
  }

  /** Lets work go on by itself; its failure is told to the operator. */
  inBackground(work: Promise<unknown>): void {
    work.catch((error) => {
      if (this.closing) return;
      this.deps.logger.error("job {job}: {error}", { job: this.id, error });
    });
  }

  /** Goes to another state, with what follows from it. @throws {StateConflictError} */
  goTo(to: JobState, reason: string | null, facts: TransitionFacts = {}): void {
    const { training } = this.deps.scheduler;
    this.record.transition(to, reason, facts);
    this.#parkTimer?.();
    this.#parkTimer = null;
    if (to === "running" && this.usesSlot) training.take(this.id, this.record.manifest.owner);
    if (to === "paused" && this.usesSlot) {
      training.release(this.id);
      this.#parkTimer = this.deps.timers.after(
        this.deps.options.parkAfterMs,
        () => this.inBackground(this.enqueue(() => this.park("paused for long"))),
      );
    }
    if (!LIVE.has(to)) this.#stopTimer?.();
    this.signal();
  }

  /** Waits for a slot, then launches a worker. */
  requestWorker(): void {
    this.training.request();
  }

  /** Changes how soon it gets a slot, the next time that it waits for one or while it does. */
  prioritize(priority: number, actor: string): void {
    if (priority === (this.record.manifest.priority ?? 0)) return;
    this.record.append("priority_changed", { priority, actor });
    this.deps.scheduler.training.prioritize(this.id, priority);
  }

  /** The training worker once it takes commands; null once the job is not live. */
  trainingWorker(): Promise<Attempt | null> {
    return this.until(() => {
      if (this.closing) throw new UnavailableError("the server is shutting down");
      if (!LIVE.has(this.state)) return null;
      const { attempt } = this;
      return attempt?.mode === "train" && attempt.ready && !attempt.gone ? attempt : undefined;
    });
  }

  /** Runs a command on the job's model, wherever it is; again on the next worker if one dies. */
  async withModel<T>(command: (attempt: Attempt) => Promise<T>): Promise<T> {
    for (;;) {
      const attempt = await this.trainingWorker();
      if (attempt === null) return await this.serve.use(command);
      try {
        return await command(attempt);
      } catch (error) {
        if (!await this.lost(attempt, error)) throw error;
      }
    }
  }

  /** Whether the command failed because its worker went away; if so, waits until it is gone. */
  async lost(attempt: Attempt, error: unknown): Promise<boolean> {
    if (!(error instanceof CommandFailedError) || error.code !== "worker_gone") return false;
    if (this.closing) throw new UnavailableError("the server is shutting down");
    await attempt.ended;
    return true;
  }

  /** Takes an event from one of the job's workers. A fault in it fails the job, nothing else. */
  readonly receive = (received: ReceivedEvent, attempt: Attempt): void => {
    try {
      receiveEvent(this, received, attempt);
    } catch (error) {
      const { message, stack = null } = error instanceof Error ? error : new Error(String(error));
      const { type } = received.event;
      this.deps.logger.error("job {job}: {type}: {error}", { job: this.id, type, error });
      if (attempt.mode === "train") {
        this.fail({ message: `${type}: ${message}`, stack, phase: "events", cause: "event" });
      }
      this.inBackground(attempt.kill(0));
    }
  };

  /** The worker waits at the gate. */
  onPaused(goal: "paused" | "parked", reason: string): void {
    if (this.state === "paused" || this.state === "stopping" || !LIVE.has(this.state)) return;
    this.goTo("paused", reason, { goal });
    if (goal === "parked") this.inBackground(this.enqueue(() => this.park(reason)));
  }

  /** Lets the worker of a paused job go. */
  async park(reason: string): Promise<void> {
    if (this.state !== "paused") return;
    await this.attempt?.release();
    if (this.state === "paused") this.goTo("parked", reason, { goal: "parked" });
  }

  /** Asks the worker to stop; past the grace it is ended. Does nothing until there is a worker. */
  enforceStop(): void {
    const { attempt, deps } = this;
    if (attempt === null || attempt.released) return;
    attempt.send("stop", {}).catch((error) => {
      deps.logger.debug("job {job}: stop: {error}", { job: this.id, error });
    });
    this.#stopTimer?.();
    this.#stopTimer = deps.timers.after(
      deps.options.stopGraceMs,
      () => this.inBackground(attempt.kill(deps.options.stopGraceMs / 4)),
    );
  }

  /** Lets every worker go for the server's end, within `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.closing = true;
    this.#parkTimer?.();
    this.signal();
    const { attempt } = this;
    if (attempt !== null) await lastSave(this, attempt, graceMs / 2);
    // Closing its line and TERM each have this long.
    const helpers = [this.serve, this.sides].map((helper) => helper.end(graceMs / 4));
    await Promise.all([attempt?.release(graceMs / 4), ...helpers]);
    this.#stopTimer?.();
  }

  /** What becomes of the job when its worker is gone. */
  onEnd(attempt: Attempt, exit: WorkerExit): void {
    this.training.onEnd(attempt, exit);
  }

  /** Fails the job, unless it has ended. */
  fail(error: NonNullable<JobManifest["error"]>): void {
    if (!ENDED.has(this.state)) this.goTo("failed", error.cause, { error });
  }
}
