import type {
  CommandName,
  CommandPayload,
  CommandResults,
  LaunchContext,
} from "../../runtime/protocol/commands.ts";
import type { TrainerEvent } from "../../runtime/protocol/events.ts";
import type { JobRecord } from "./job_record.ts";
import { launchContext } from "./launch_context.ts";
import type { LaunchedWorker, WorkerExit } from "../workers/launcher.ts";
import { planRecovery, type RecoveryPlan } from "./recovery.ts";
import { ReplayFilter } from "./replay_filter.ts";
import { stillGranted } from "../submission/permissions.ts";
import type { JobDeps } from "../supervisor_deps.ts";
import type { ReceivedEvent } from "../workers/trainer_link.ts";

/** What an attempt is for: `train` heads for the job's goal, `serve` only answers commands. */
export type AttemptMode = "train" | "serve";

/** Steps after which what is durable is confirmed, when nothing else asks for it. */
const ACK_STEPS = 500;
const RETRY_MS = 1_000;
/** How long a worker may take to end after its input was closed, and again after TERM. */
const CLOSE_GRACE_MS = 5_000;

/** One worker of a job, from its launch to the proof that it is gone. */
export class Attempt {
  /** The session has a model and takes commands. */
  ready = false;
  /** It said `trainingFinished`. */
  finished = false;
  /** We let it go: its end says nothing about the job. */
  released = false;
  /** Its process is gone and its last event was handed over. */
  gone = false;
  /** The error that it says ended it. */
  fatal: TrainerEvent<"error"> | null = null;
  /** Another version, backend or thread count than before: other bits are no divergence. */
  runtimeChanged = false;
  /** Where it ended; resolves after its last event. */
  readonly ended: Promise<WorkerExit>;
  readonly filter: ReplayFilter;
  readonly #worker: LaunchedWorker;
  #steps = 0;
  #ackWanted = 0;
  #acking = false;

  constructor(
    readonly deps: JobDeps,
    readonly number: number,
    readonly mode: AttemptMode,
    readonly plan: RecoveryPlan,
    job: string,
    worker: LaunchedWorker,
    onEvent: (received: ReceivedEvent, attempt: Attempt) => void,
  ) {
    this.filter = new ReplayFilter(deps.log, job, plan.range);
    this.#worker = worker;
    worker.link.onEvent((received) => {
      onEvent(received, this);
      this.#acknowledge(received);
    });
    this.ended = this.#end();
  }

  /** @throws {CommandFailedError} when the trainer refuses it, or is gone before it replies. */
  send<C extends CommandName>(
    command: C,
    payload: CommandPayload<C>,
    id?: string,
  ): Promise<CommandResults[C]> {
    return this.#worker.link.send(command, payload, id);
  }

  /** Lets the worker go: closes its line, and ends it if it does not leave. */
  release(graceMs: number = CLOSE_GRACE_MS): Promise<WorkerExit> {
    this.released = true;
    return this.close(graceMs);
  }

  /** Closes the line of a worker that has nothing left to do. */
  async close(graceMs: number = CLOSE_GRACE_MS): Promise<WorkerExit> {
    await this.#worker.stop("exit", graceMs);
    return await this.ended;
  }

  /** Ends the worker, whatever it is doing. */
  async kill(graceMs: number): Promise<WorkerExit> {
    await this.#worker.stop("killed", graceMs);
    return await this.ended;
  }

  async #end(): Promise<WorkerExit> {
    const exit = await this.#worker.exited;
    await this.#worker.link.closed;
    this.gone = true;
    return exit;
  }

  /** Confirms at once what is no step, and steps now and then. */
  #acknowledge({ event: { type, event_seq }, complete = event_seq }: ReceivedEvent): void {
    if (type === "trainStep" && ++this.#steps < ACK_STEPS) return;
    this.#steps = 0;
    this.#ackWanted = Math.max(this.#ackWanted, complete);
    if (!this.#acking && this.#ackWanted > 0) this.#confirm();
  }

  async #confirm(): Promise<void> {
    this.#acking = true;
    let confirmed = 0;
    while (confirmed < this.#ackWanted && !this.gone) {
      const wanted = this.#ackWanted;
      try {
        await this.deps.log.durable();
        this.#worker.link.acknowledge(wanted);
        confirmed = wanted;
      } catch (error) {
        this.deps.logger.error("events are not durable: {error}", { error });
        await new Promise<void>((resolve) => this.deps.timers.after(RETRY_MS, resolve));
      }
    }
    this.#acking = false;
  }
}

/** What to launch, and who hears of it. */
export interface LaunchOrder {
  mode: AttemptMode;
  goal: LaunchContext["goal"];
  onEvent: (received: ReceivedEvent, attempt: Attempt) => void;
}

/**
 * Launches the next worker of a job, from where the durable log says the job is. Its process is in
 * the log before it gets its context.
 */
export async function launchAttempt(
  deps: JobDeps,
  record: JobRecord,
  { mode, goal, onEvent }: LaunchOrder,
): Promise<Attempt> {
  const { artifacts, launcher, log, options } = deps;
  await log.durable();
  const { manifest } = record;
  const { id, threads } = manifest;
  const number = manifest.attempt + 1;
  record.write(() => sweepUntil(deps, record, manifest.attempt));
  const verify = artifacts.verify.bind(artifacts);
  const plan = await planRecovery(log, manifest, record.checkpoints.values(), verify);
  const context = await launchContext(deps, manifest, { attempt: number, goal, plan });
  const permissions = await stillGranted(manifest.permissions, options.permissions);
  const worker = await launcher.launch({
    context,
    jobDir: artifacts.jobDir(id),
    memoryBytes: options.jobMemoryBytes,
    timeoutMs: options.jobTimeoutMs,
    permissions,
    onProcess: async (process) => {
      record.append("attempt_started", {
        attempt: number,
        mode,
        threads: threads ?? options.threads,
        isolation: (launcher.isolationFor?.({ context, permissions }) ?? launcher.isolation).kind,
        process,
      });
      await log.durable();
    },
  });
  return new Attempt(deps, number, mode, plan, id, worker, onEvent);
}

/** Deletes what an attempt that is over had not finished saving. */
async function sweepUntil(deps: JobDeps, record: JobRecord, attempt: number): Promise<void> {
  const { id } = record.manifest;
  try {
    await deps.artifacts.sweep(id, [...record.checkpoints.values()], attempt);
  } catch (error) {
    deps.logger.warn("job {job}: cannot sweep its checkpoints: {error}", { job: id, error });
  }
}
