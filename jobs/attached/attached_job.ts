import { lstatSync } from "node:fs";
import { ConflictError, UnprocessableError } from "../errors.ts";
import { type CheckpointRecord, ENDED, type JobAction, type JobManifest, LIVE } from "../job.ts";
import { Attempt } from "../life/attempt.ts";
import { LiveJob } from "../life/live_job.ts";
import type { RecoveryPlan } from "../life/recovery.ts";
import type { LaunchedWorker, WorkerExit } from "../workers/launcher.ts";
import type { ReceivedEvent } from "../workers/trainer_link.ts";

/** A script goes on where it is, whatever became of the server. */
const NOTHING_TO_REPEAT: RecoveryPlan = {
  point: null,
  skipped: [],
  range: { untilStep: 0, fromTake: 1, toTake: 1 },
  commands: [],
  continuous: true,
};

/** What a script must be capable of for an action. */
const COMMAND_OF: { readonly [A in JobAction]?: string } = {
  pause: "pause",
  resume: "resume",
  stop: "stop",
  hparams: "set_hparams",
  rewind: "load_ckpt",
  reset: "reset_session",
  test: "test",
  checkpoint: "save_ckpt",
  health: "dist_health",
};

/** What needs a model that somebody else than the script builds. */
const NEEDS_MODULE: ReadonlySet<JobAction> = new Set(["fork", "merge", "report"]);

/**
 * A job whose training is a script that a person started: it comes and goes as it likes, takes no
 * slot, and is never launched, parked or killed by the server. Once it has ended, and if it gave a
 * module, the job is like any other.
 */
export class AttachedJob extends LiveJob {
  /** Whether the script is the job's newest attempt. */
  get #ofScript(): boolean {
    const { attempt, attached } = this.record.manifest;
    return attempt <= (attached?.run_gen ?? 0);
  }

  get #rebuilds(): boolean {
    return this.record.manifest.attached?.rebuilds ?? false;
  }

  override get usesSlot(): boolean {
    return !this.#ofScript;
  }

  /** A script has dialled in, at first or again. */
  attach(worker: LaunchedWorker, attached: NonNullable<JobManifest["attached"]>, threads: number) {
    const { manifest } = this.record;
    const { run_gen: number } = attached;
    if (manifest.attempt === 0) {
      const isolation = "none: a script of its own";
      this.record.append("attempt_started", {
        attempt: number,
        mode: "train",
        threads,
        isolation,
        process: null,
      });
    }
    const { id, deps } = this;
    const attempt = new Attempt(deps, number, "train", NOTHING_TO_REPEAT, id, worker, this.#take);
    attempt.ready = manifest.dataset !== null;
    this.attempt = attempt;
    this.inBackground(attempt.ended.then((exit) => this.onEnd(attempt, exit)));
    if (!ENDED.has(this.state)) this.#goOn(attempt);
    else if (manifest.goal === "stopped") this.enforceStop();
    this.signal();
  }

  /** Who is connected now. */
  get connected(): boolean {
    return this.attempt !== null && this.#ofScript && !this.attempt.gone;
  }

  override hasFile(checkpoint: CheckpointRecord): boolean {
    if (checkpoint.attempt !== this.record.manifest.attached?.run_gen) return true;
    try {
      const { artifacts } = this.deps;
      const file = lstatSync(artifacts.resolve(checkpoint.job, checkpoint.path));
      return file.isFile() && file.size === checkpoint.bytes;
    } catch {
      // The script kept it to itself, or has dropped it since.
      return false;
    }
  }

  override assertTakes(action: JobAction): void {
    if (action === "delete") return;
    if (NEEDS_MODULE.has(action) || ENDED.has(this.state)) this.#assertRebuilds(action);
    const command = COMMAND_OF[action];
    const { capabilities = [] } = this.record.manifest.attached ?? {};
    if (this.#ofScript && !ENDED.has(this.state) && command && !capabilities.includes(command)) {
      const message = `the trainer of job ${this.id} takes ${
        capabilities.join(", ")
      }; not ${command}`;
      throw new UnprocessableError("command", message, { known: capabilities });
    }
    if (this.state === "recovering" && action !== "stop" && !NEEDS_MODULE.has(action)) {
      throw this.#away();
    }
  }

  override async trainingWorker(): Promise<Attempt | null> {
    if (this.#ofScript && LIVE.has(this.state) && !this.connected) throw this.#away();
    return await super.trainingWorker();
  }

  override requestWorker(): void {
    if (this.#rebuilds && !(this.#ofScript && LIVE.has(this.state))) super.requestWorker();
  }

  override async park(reason: string): Promise<void> {
    if (!this.#ofScript) await super.park(reason);
  }

  override enforceStop(): void {
    if (!this.#ofScript) return super.enforceStop();
    this.attempt?.send("stop", {}).catch((error) => {
      this.deps.logger.debug("job {job}: stop: {error}", { job: this.id, error });
    });
  }

  override async close(graceMs: number): Promise<void> {
    if (!this.#ofScript || this.attempt === null) return await super.close(graceMs);
    this.closing = true;
    this.signal();
    await this.attempt.kill(0);
  }

  override onEnd(attempt: Attempt, exit: WorkerExit): void {
    if (attempt.number > (this.record.manifest.attached?.run_gen ?? 0)) {
      return super.onEnd(attempt, exit);
    }
    if (this.attempt !== attempt) return;
    this.attempt = null;
    if (!this.closing && LIVE.has(this.state)) this.goTo("recovering", "its script is away");
    this.signal();
  }

  readonly #take = (received: ReceivedEvent, attempt: Attempt): void => {
    this.receive(received, attempt);
    const { fatal } = attempt;
    if (fatal === null || !LIVE.has(this.state)) return;
    const { message, stack, phase } = fatal;
    this.goTo("failed", "error", { error: { message, stack, phase, cause: "error" } });
  };

  /** Brings state and script together again. */
  #goOn(attempt: Attempt): void {
    const { dataset, goal } = this.record.manifest;
    this.goTo("starting", dataset === null ? "its script dialled in" : "its script is back");
    if (dataset === null) return;
    if (goal === "running") return this.goTo("running", null);
    if (goal === "stopped") {
      this.goTo("stopping", null);
      return this.enforceStop();
    }
    this.goTo("pausing", null);
    const paused = attempt.send("pause", {}).then(() => {
      if (this.state === "pausing") this.goTo("paused", "command");
    });
    paused.catch((error) => this.deps.logger.debug("job {job}: {error}", { job: this.id, error }));
  }

  #assertRebuilds(action: JobAction): void {
    if (this.#rebuilds) return;
    throw new UnprocessableError(
      "module",
      `job ${this.id} is a script that gave no module to rebuild its model from, which ${action} needs; ` +
        'give one: new Trainer({ module: new URL("./job.ts", import.meta.url) }), or Trainer.fit(job)',
    );
  }

  #away(): ConflictError {
    const message = `the script of job ${this.id} is not connected; it takes stop, or wait for it`;
    return new ConflictError(message, { job: this.id });
  }
}
