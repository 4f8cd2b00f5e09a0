import type { Hello } from "../runtime/protocol/attachment.ts";
import { AttachDesk, type IncomingLine, type TrainerHost } from "./attached/attach_desk.ts";
import type { AttachedLink } from "./attached/attached_link.ts";
import { ChildMaker } from "./lineage/child_maker.ts";
import { ImproveDesk } from "./improve/improve.ts";
import { Inspection } from "./inspection/inspection.ts";
import { CommandDesk } from "./life/command_desk.ts";
import { checkpointOrThrow, damaged } from "./life/control_commands.ts";
import type {
  ControlPlane,
  ControlRequest,
  ForkRequest,
  Idempotency,
  JobQuery,
  MergeRequest,
  Page,
  PendingCommand,
  ServerHealth,
  SessionSummary,
  Submission,
} from "./control_plane.ts";
import { NotFoundError, UnavailableError } from "./errors.ts";
import { type BoundKey, IdempotentRequests } from "./life/idempotent_requests.ts";
import type { CheckpointRecord, JobManifest, Receipt } from "./job.ts";
import { JobRegistry } from "./life/job_registry.ts";
import { fork } from "./lineage/fork.ts";
import { merge } from "./lineage/merge.ts";
import { knownOverlap } from "./lineage/known_overlap.ts";
import { removeJob } from "./life/removal.ts";
import { Scheduler } from "./life/scheduler.ts";
import { fileSize } from "./storage/durable_file.ts";
import { announce, startUp } from "./life/startup.ts";
import { serverHealth } from "./server_health.ts";
import { SessionDesk } from "./sessions/session_desk.ts";
import { keepSubmission } from "./submission/submission.ts";
import type { JobDeps, SupervisorDeps } from "./supervisor_deps.ts";
import { platformTimers } from "./life/timers.ts";

export type { SupervisorDeps, SupervisorOptions } from "./supervisor_deps.ts";

/**
 * Starts the job service: brings every job to where the log says it is, then takes work.
 *
 * @throws {Error} when the log or the store cannot be read.
 */
export async function createSupervisor(
  deps: SupervisorDeps,
): Promise<ControlPlane & TrainerHost> {
  const { options } = deps;
  const helperSlots = options.helperSlots ?? 2;
  const jobDeps: JobDeps = {
    ...deps,
    options: {
      ...options,
      helperSlots,
      stopGraceMs: options.stopGraceMs ?? 10_000,
      lingerMs: options.lingerMs ?? 2_000,
    },
    timers: deps.timers ?? platformTimers,
    scheduler: new Scheduler({ training: options.trainingSlots, helper: helperSlots }),
  };
  const registry = new JobRegistry(jobDeps);
  await startUp(jobDeps, registry);
  const supervisor = new Supervisor(jobDeps, registry);
  supervisor.improvements.resume();
  return supervisor;
}

/** The job service: finds the job that is meant and lets it act. */
class Supervisor implements ControlPlane, TrainerHost {
  readonly #deps: JobDeps;
  readonly #registry: JobRegistry;
  readonly #requests: IdempotentRequests;
  readonly #desk: CommandDesk;
  readonly #children: ChildMaker;
  readonly #trainers: AttachDesk;
  readonly inspection: Inspection;
  readonly runs: SessionDesk;
  readonly improvements: ImproveDesk;
  readonly #startedAt: number;
  #closing = false;

  constructor(deps: JobDeps, registry: JobRegistry) {
    this.#deps = deps;
    this.#registry = registry;
    this.#requests = new IdempotentRequests(deps.store);
    this.#desk = new CommandDesk(deps, this.#requests);
    this.#children = new ChildMaker(deps);
    this.#trainers = new AttachDesk(deps, registry);
    this.inspection = new Inspection(deps, registry);
    this.runs = new SessionDesk(deps, registry, this.#desk);
    this.improvements = new ImproveDesk(deps, registry, this);
    this.#startedAt = deps.clock();
  }

  async attach(hello: Hello, line: IncomingLine): Promise<AttachedLink> {
    this.#assertOpen();
    return await this.#trainers.attach(hello, line);
  }

  submit(
    submission: Submission,
    idempotency?: Idempotency,
  ): Promise<{ job: JobManifest; replayed: boolean }> {
    const key = bind("jobs", idempotency);
    return this.#create(key, () => keepSubmission(this.#deps, submission, key));
  }

  async fork(
    id: string,
    request: ForkRequest,
    actor: string,
    idempotency?: Idempotency,
  ): Promise<{ job: JobManifest; replayed: boolean }> {
    const { jobs: [job], replayed } = await this.forkAll(id, [request], actor, idempotency);
    return { job: job!, replayed };
  }

  async forkAll(
    id: string,
    requests: readonly ForkRequest[],
    actor: string,
    idempotency?: Idempotency,
  ): Promise<{ jobs: JobManifest[]; overlap: number | null; replayed: boolean }> {
    const parent = await this.#registry.load(id);
    const key = bind(id, idempotency);
    const made = await this.#createAll(
      key,
      () => fork(this.#children, parent, requests, actor, key),
    );
    const overlap = await knownOverlap(this.#deps, parent.record.manifest, made.jobs);
    return { ...made, overlap };
  }

  async merge(
    id: string,
    request: MergeRequest,
    actor: string,
    idempotency?: Idempotency,
  ): Promise<{ job: JobManifest; replayed: boolean }> {
    const key = bind(id, idempotency);
    const job = await this.#registry.load(id);
    return await this.#create(key, async () => {
      const others = request.with.map((parent) => this.#registry.load(parent.job));
      const parents = [job, ...await Promise.all(others)];
      const load = (id: string) => this.#registry.load(id);
      return await merge(this.#children, parents, load, request, actor, key);
    });
  }

  async get(id: string): Promise<JobManifest> {
    return (await this.#registry.load(id)).record.manifest;
  }

  async list(query: JobQuery): Promise<Page<JobManifest>> {
    const page = await this.#deps.store.list(query);
    const items = page.items.map((stored) => this.#registry.current(stored))
      .filter(({ state }) => query.state === undefined || query.state === state);
    return { ...page, items };
  }

  async prioritize(id: string, priority: number, actor: string): Promise<JobManifest> {
    this.#assertOpen();
    const job = await this.#registry.load(id);
    job.prioritize(priority, actor);
    await this.#deps.log.durable();
    return job.record.manifest;
  }

  async delete(id: string): Promise<void> {
    const job = await this.#registry.load(id);
    await job.enqueue(async () => {
      await this.#desk.settled();
      await removeJob(this.#deps, this.#registry, job);
    });
  }

  async sessions(): Promise<SessionSummary[]> {
    const jobs = await Array.fromAsync(
      this.#deps.store.all(),
      (job) => this.#registry.current(job),
    );
    const sessions = Map.groupBy(jobs, ({ session }) => session);
    return [...sessions].map(([session, members]) => summary(session, members))
      .sort((a, b) => b.created_at - a.created_at);
  }

  async session(id: string): Promise<SessionSummary> {
    const jobs = await this.#deps.store.ofSession(id);
    if (jobs.length === 0) throw new NotFoundError("session", id);
    return summary(id, jobs.map((job) => this.#registry.current(job)));
  }

  async command(
    id: string,
    request: ControlRequest,
    actor: string,
    idempotency?: Idempotency,
  ): Promise<PendingCommand> {
    this.#assertOpen();
    const job = await this.#registry.load(id);
    return await this.#desk.start(job, request, actor, bind(id, idempotency));
  }

  receipt(id: string, commandId: string): Promise<Receipt> {
    return this.#desk.receipt(id, commandId);
  }

  cancel(id: string, commandId: string): Promise<Receipt> {
    return this.#desk.cancel(id, commandId);
  }

  async receipts(id: string): Promise<Receipt[]> {
    await this.#registry.load(id);
    return await this.#desk.receipts(id);
  }

  async checkpoints(id: string): Promise<CheckpointRecord[]> {
    const { record } = await this.#registry.load(id);
    return [...record.checkpoints.values()].sort((a, b) => a.checkpoint - b.checkpoint);
  }

  async checkpointFile(
    id: string,
    checkpoint: number,
  ): Promise<{ record: CheckpointRecord; path: string }> {
    const record = checkpointOrThrow(await this.#registry.load(id), checkpoint);
    const path = this.#deps.artifacts.resolve(id, record.path);
    if (await fileSize(path) !== record.bytes) throw damaged(record);
    return { record, path };
  }

  async moduleSource(id: string): Promise<string> {
    await this.#registry.load(id);
    return await this.#deps.artifacts.moduleSource(id);
  }

  health(): Promise<ServerHealth> {
    const [closing, startedAt] = [this.#closing, this.#startedAt];
    return serverHealth(this.#deps, this.#registry, { closing, startedAt });
  }

  async shutdown(limitMs: number): Promise<void> {
    this.#closing = true;
    const plans = this.improvements.close();
    this.#deps.scheduler.close();
    const jobs = [...this.#registry.loaded()];
    const ends = await Promise.allSettled(jobs.map((job) => job.close(limitMs * 0.8)));
    for (const end of ends) {
      if (end.status === "rejected") {
        this.#deps.logger.error("shutdown: {error}", { error: end.reason });
      }
    }
    const writes = [plans, this.#desk.settled(), ...jobs.map(({ record }) => record.settled())];
    await withinLimit(this.#deps, limitMs * 0.2, writes);
    for (const { record } of jobs) record.abandon();
  }

  /** Makes a job once per key, announces it and lets it go to work. */
  async #create(
    key: BoundKey | undefined,
    make: () => Promise<JobManifest>,
  ): Promise<{ job: JobManifest; replayed: boolean }> {
    const { jobs: [job], replayed } = await this.#createAll(key, async () => [await make()]);
    return { job: job!, replayed };
  }

  /** Makes jobs once per key, announces them and lets them go to work. */
  async #createAll(
    key: BoundKey | undefined,
    make: () => Promise<JobManifest[]>,
  ): Promise<{ jobs: JobManifest[]; replayed: boolean }> {
    this.#assertOpen();
    const create = async () => {
      const jobs = (await make()).map((manifest) => this.#registry.adopt(manifest));
      jobs.forEach(announce);
      for (const job of jobs) {
        const { start, kind } = job.record.manifest;
        if (start || kind === "merge") job.requestWorker();
        else job.goTo("parked", "not to start yet", { goal: "parked" });
      }
      await this.#deps.log.durable();
      return jobs;
    };
    const { made, replayed } = await this.#requests.once(
      key,
      create,
      (ids) => Promise.all(ids.split(" ").map((id) => this.#registry.load(id))),
    );
    return { jobs: made.map(({ record }) => record.manifest), replayed };
  }

  #assertOpen(): void {
    if (this.#closing) throw new UnavailableError("the server is shutting down");
  }
}

function bind(scope: string, idempotency: Idempotency | undefined): BoundKey | undefined {
  return idempotency && { ...idempotency, scope };
}

function summary(id: string, jobs: JobManifest[]): SessionSummary {
  const root = jobs.find(({ parents }) => parents.length === 0) ?? jobs[0]!;
  return { id, project: root.project, root: root.id, jobs, created_at: root.created_at };
}

async function withinLimit(
  { timers }: JobDeps,
  limitMs: number,
  work: Promise<unknown>[],
): Promise<void> {
  const late = Promise.withResolvers<void>();
  const cancel = timers.after(limitMs, late.resolve);
  await Promise.race([Promise.allSettled(work), late.promise]);
  cancel();
}
