import { type Attempt, launchAttempt } from "./attempt.ts";
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
import type { ReceivedEvent } from "../workers/trainer_link.ts";
import { deathsSince, judgeWorkerEnd } from "./worker_end.ts";
import { receiveEvent } from "./worker_events.ts";

/** Deaths that a job survives without a newer checkpoint. */
const MAX_DEATHS = 3;

/**
 * One job at work: its training worker, the queue of what people ask of it, its way through the
 * states. Commands run one after another; a stop overtakes them. The log decides every fact; here
 * is only who acts on it.
 */
export class LiveJob extends Changes {
  /** The training worker, from its launch until it is gone. */
  attempt: Attempt | null = null;
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
  /** The worker before this one is gone. */
  #previous: Promise<unknown> = Promise.resolve();
  /** Its worker is a merge's, in a helper slot. */
  #computes = false;

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
    const { training, helper } = this.deps.scheduler;
    const slots = this.onlyMerges ? helper : training;
    slots.enqueue({
      job: this.id,
      owner: this.record.manifest.owner,
      priority: this.record.manifest.priority ?? 0,
      start: () => this.inBackground(this.#begin()),
    });
  }

  /** Changes how soon it gets a slot, the next time that it waits for one or while it does. */
  prioritize(priority: number, actor: string): void {
    if (priority === (this.record.manifest.priority ?? 0)) return;
    this.record.append("priority_changed", { priority, actor });
    this.deps.scheduler.training.prioritize(this.id, priority);
  }

  /** Waits for a slot no longer, nor keeps one that was just granted. */
  withdraw(): void {
    const { training, helper } = this.deps.scheduler;
    training.cancel(this.id);
    if (this.onlyMerges) helper.cancel(this.id);
    this.#freeSlots();
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
        this.#fail({ message: `${type}: ${message}`, stack, phase: "events", cause: "event" });
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

  async #begin(): Promise<void> {
    const { training, helper } = this.deps.scheduler;
    this.#computes = this.onlyMerges;
    // Whoever withdrew the job meanwhile took its slot back.
    if (!(this.#computes ? helper : training).holds(this.id)) return;
    if (this.closing || !["queued", "recovering"].includes(this.state)) return this.#freeSlots();
    this.goTo("starting", null);
    try {
      await Promise.all([this.serve.close(), this.#previous]);
      if (this.state === "stopping") this.goTo("stopped", "stopped before it began");
      if (this.closing || !LIVE.has(this.state)) return this.#freeSlots();
      const attempt = await this.#launch();
      if (attempt.mode === "serve") await this.#compute(attempt);
    } catch (error) {
      const { message, stack = null } = error instanceof Error ? error : new Error(String(error));
      if (!this.closing) this.#fail({ message, stack, phase: "launch", cause: "launch_failed" });
      if (this.attempt === null) this.#freeSlots();
    }
  }

  async #launch(): Promise<Attempt> {
    const { deps, record } = this;
    const attempt = await launchAttempt(deps, record, {
      mode: this.#computes ? "serve" : "train",
      goal: this.#computes ? "serve" : record.manifest.goal === "running" ? "running" : "paused",
      onEvent: this.receive,
    });
    this.attempt = attempt;
    this.#previous = attempt.ended;
    this.inBackground(attempt.ended.then((exit) => this.onEnd(attempt, exit)));
    if (this.closing) this.inBackground(attempt.release());
    if (record.manifest.goal === "stopped") this.enforceStop();
    this.signal();
    return attempt;
  }

  /** A merge that is not to train: its worker has the weights once it is ready. */
  async #compute(attempt: Attempt): Promise<void> {
    await this.until(() => attempt.ready || attempt.gone || undefined);
    if (!attempt.ready || this.closing || !LIVE.has(this.state)) return;
    await attempt.send("save_ckpt", { reason: "merge" });
    await attempt.release();
    if (this.state === "starting") this.goTo("parked", "merged", { goal: "parked" });
  }

  protected onEnd(attempt: Attempt, exit: WorkerExit): void {
    if (this.attempt === attempt) this.attempt = null;
    if (this.closing || attempt.released || !LIVE.has(this.state)) {
      if (this.state === "stopping" && !this.closing) this.goTo("stopped", "stopped");
      this.#freeSlots();
    } else {
      const end = judgeWorkerEnd(this.state, attempt.fatal, exit);
      if (end.kind === "recover") this.#recover(end.reason);
      else if (end.kind === "failed") this.#fail(end.error);
      else this.goTo("stopped", "stopped", end.error === null ? {} : { error: end.error });
      if (!LIVE.has(this.state)) this.#freeSlots();
    }
    this.signal();
  }

  #recover(reason: string): void {
    if (deathsSince(this.deps.log, this.id, this.record.checkpoints.values()) >= MAX_DEATHS) {
      const message = `${reason}; it died ${MAX_DEATHS + 1} times without a newer checkpoint`;
      return this.#fail({ message, stack: null, phase: "train", cause: "signal" });
    }
    this.goTo("recovering", reason);
    this.recovering = true;
    const { scheduler } = this.deps;
    const holds = scheduler.training.holds(this.id) || scheduler.helper.holds(this.id);
    if (holds) this.inBackground(this.#begin());
    else this.requestWorker();
  }

  #fail(error: NonNullable<JobManifest["error"]>): void {
    if (!ENDED.has(this.state)) this.goTo("failed", error.cause, { error });
  }

  #freeSlots(): void {
    this.deps.scheduler.training.release(this.id);
    if (this.#computes) this.deps.scheduler.helper.release(this.id);
    this.#computes = false;
  }
}
