import { type Attempt, launchAttempt } from "./attempt.ts";
import { LIVE } from "../job.ts";
import type { LiveJob } from "./live_job.ts";
import type { SlotQueue } from "./scheduler.ts";
import type { WorkerExit } from "../workers/launcher.ts";
import { deathsSince, judgeWorkerEnd } from "./worker_end.ts";

/** Deaths that a job survives without a newer checkpoint. */
const MAX_DEATHS = 3;

/**
 * The worker that trains a job, or computes a merge: it waits for a slot, is launched, and when it
 * ends, is replaced or takes the job to its end. A merge that is not to train has it in a helper
 * slot.
 */
export class TrainingWorker {
  readonly #job: LiveJob;
  /** The worker before this one is gone. */
  #previous: Promise<unknown> = Promise.resolve();
  /** It is a merge's, in a helper slot. */
  #computes = false;

  constructor(job: LiveJob) {
    this.#job = job;
  }

  /** Waits for a slot, then launches. */
  request(): void {
    const job = this.#job;
    const { owner, priority = 0 } = job.record.manifest;
    this.#slots(job.onlyMerges).enqueue({
      job: job.id,
      owner,
      priority,
      start: () => job.inBackground(this.#begin()),
    });
  }

  /** Waits for a slot no longer, nor keeps one that was just granted. */
  withdraw(): void {
    const { id, onlyMerges } = this.#job;
    this.#slots(false).cancel(id);
    if (onlyMerges) this.#slots(true).cancel(id);
    this.#freeSlots();
  }

  /** Takes the job on from where its worker left it: to its end, or to another worker. */
  onEnd(attempt: Attempt, exit: WorkerExit): void {
    const job = this.#job;
    if (job.attempt === attempt) job.attempt = null;
    if (job.closing || attempt.released || !LIVE.has(job.state)) {
      if (job.state === "stopping" && !job.closing) job.goTo("stopped", "stopped");
      this.#freeSlots();
    } else {
      const end = judgeWorkerEnd(job.state, attempt.fatal, exit);
      if (end.kind === "recover") this.#recover(end.reason);
      else if (end.kind === "failed") job.fail(end.error);
      else job.goTo("stopped", "stopped", end.error === null ? {} : { error: end.error });
      if (!LIVE.has(job.state)) this.#freeSlots();
    }
    job.signal();
  }

  async #begin(): Promise<void> {
    const job = this.#job;
    this.#computes = job.onlyMerges;
    // Whoever withdrew the job meanwhile took its slot back.
    if (!this.#slots(this.#computes).holds(job.id)) return;
    if (job.closing || !["queued", "recovering"].includes(job.state)) return this.#freeSlots();
    job.goTo("starting", null);
    try {
      await Promise.all([job.serve.close(), this.#previous]);
      if (job.state === "stopping") job.goTo("stopped", "stopped before it began");
      if (job.closing || !LIVE.has(job.state)) return this.#freeSlots();
      const attempt = await this.#launch();
      if (attempt.mode === "serve") await this.#compute(attempt);
    } catch (error) {
      const { message, stack = null } = error instanceof Error ? error : new Error(String(error));
      if (!job.closing) job.fail({ message, stack, phase: "launch", cause: "launch_failed" });
      if (job.attempt === null) this.#freeSlots();
    }
  }

  async #launch(): Promise<Attempt> {
    const job = this.#job;
    const { goal } = job.record.manifest;
    const attempt = await launchAttempt(job.deps, job.record, {
      mode: this.#computes ? "serve" : "train",
      goal: this.#computes ? "serve" : goal === "running" ? "running" : "paused",
      onEvent: job.receive,
    });
    job.attempt = attempt;
    this.#previous = attempt.ended;
    job.inBackground(attempt.ended.then((exit) => job.onEnd(attempt, exit)));
    if (job.closing) job.inBackground(attempt.release());
    // Asked for anew: it may have been stopped while the worker was launched.
    if (job.record.manifest.goal === "stopped") job.enforceStop();
    job.signal();
    return attempt;
  }

  /** A merge that is not to train: its worker has the weights once it is ready. */
  async #compute(attempt: Attempt): Promise<void> {
    const job = this.#job;
    await job.until(() => attempt.ready || attempt.gone || undefined);
    if (!attempt.ready || job.closing || !LIVE.has(job.state)) return;
    await attempt.send("save_ckpt", { reason: "merge" });
    await attempt.release();
    if (job.state === "starting") job.goTo("parked", "merged", { goal: "parked" });
  }

  #recover(reason: string): void {
    const job = this.#job;
    if (deathsSince(job.deps.log, job.id, job.record.checkpoints.values()) >= MAX_DEATHS) {
      const message = `${reason}; it died ${MAX_DEATHS + 1} times without a newer checkpoint`;
      return job.fail({ message, stack: null, phase: "train", cause: "signal" });
    }
    job.goTo("recovering", reason);
    job.recovering = true;
    if (this.#slots(false).holds(job.id) || this.#slots(true).holds(job.id)) {
      job.inBackground(this.#begin());
    } else job.requestWorker();
  }

  #slots(computes: boolean): SlotQueue {
    const { training, helper } = this.#job.deps.scheduler;
    return computes ? helper : training;
  }

  #freeSlots(): void {
    this.#slots(false).release(this.#job.id);
    if (this.#computes) this.#slots(true).release(this.#job.id);
    this.#computes = false;
  }
}
