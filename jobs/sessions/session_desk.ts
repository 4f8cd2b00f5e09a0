import type { Receipt } from "../job.ts";
import { ENDED, LIVE } from "../job.ts";
import { checkControl, here } from "../life/control_commands.ts";
import type { CommandDesk } from "../life/command_desk.ts";
import type { JobRegistry } from "../life/job_registry.ts";
import type { LiveJob } from "../life/live_job.ts";
import type { JobDeps } from "../supervisor_deps.ts";
import { NotFoundError } from "../errors.ts";
import { cleanDisk, type CleanedJob } from "./clean_disk.ts";

/** What can be asked of a session as a whole. */
export interface SessionActions {
  /**
   * Makes a job the one of its session that trains: the others are paused and give their workers
   * back, then this one resumes.
   * @throws {StateConflictError} when it cannot resume; nothing is paused then.
   */
  switchRun(session: string, job: string, actor: string): Promise<SwitchedRun>;
  /** Has every job that is at work save where it stands, unless its newest checkpoint is of there. */
  spillAll(session: string, actor: string): Promise<SpilledJob[]>;
  /** Removes, or only counts, what jobs at rest can do without. */
  cleanDisk(session: string, dryRun: boolean): Promise<CleanedDisk>;
  /** Has the names that children get go on behind these numbers. */
  setCounterSeeds(session: string, seeds: CounterSeeds): Promise<CounterSeeds>;
}

/** Numbers of the last `fork<n>` and `merge<n>` that count as taken. */
export interface CounterSeeds {
  fork: number;
  merge: number;
}

/** Who trains now, and who made room. */
export interface SwitchedRun {
  session: string;
  job: string;
  paused: string[];
  receipts: Receipt[];
}

/** The checkpoint of where a job stands. */
export interface SpilledJob {
  job: string;
  checkpoint: number | null;
  step: number;
}

/** What was, or would be, removed. */
export interface CleanedDisk {
  session: string;
  dry_run: boolean;
  bytes: number;
  items: CleanedJob[];
}

/** Carries out what is asked of a session, by commands to its jobs, each with its receipt. */
export class SessionDesk implements SessionActions {
  readonly #deps: JobDeps;
  readonly #registry: JobRegistry;
  readonly #desk: CommandDesk;

  constructor(deps: JobDeps, registry: JobRegistry, desk: CommandDesk) {
    this.#deps = deps;
    this.#registry = registry;
    this.#desk = desk;
  }

  async switchRun(session: string, id: string, actor: string): Promise<SwitchedRun> {
    const jobs = await this.#jobs(session);
    const chosen = jobs.find((job) => job.id === id);
    if (chosen === undefined) throw new NotFoundError("job", `${id} in session ${session}`);
    const resume = { command: "resume" } as const;
    const pause = { command: "pause", release: true } as const;
    if (chosen.state !== "queued") checkControl(chosen, resume);
    const others = jobs.filter((job) => job !== chosen && atWork(job));
    const receipts = await Promise.all(
      others.map(async (job) =>
        await (await this.#desk.start(job, pause, actor, undefined)).receipt
      ),
    );
    if (chosen.state !== "queued") {
      receipts.push(await (await this.#desk.start(chosen, resume, actor, undefined)).receipt);
    }
    return { session, job: id, paused: others.map((job) => job.id), receipts };
  }

  async spillAll(session: string, actor: string): Promise<SpilledJob[]> {
    const jobs = (await this.#jobs(session)).filter(({ state }) => LIVE.has(state));
    return await Promise.all(jobs.map(async (job): Promise<SpilledJob> => {
      const { checkpoint: newest, applied_at_step } = here(job);
      if (job.state === "paused" && typeof newest === "number") {
        return { job: job.id, checkpoint: newest, step: applied_at_step };
      }
      const pending = await this.#desk.start(job, { command: "checkpoint" }, actor, undefined);
      const { checkpoint, applied_at_step: step } = await pending.receipt;
      return { job: job.id, checkpoint: Number(checkpoint), step: Number(step) };
    }));
  }

  async cleanDisk(session: string, dryRun: boolean): Promise<CleanedDisk> {
    const items: CleanedJob[] = [];
    for (const job of await this.#jobs(session)) {
      const cleaned = await cleanDisk(job, dryRun);
      if (cleaned !== null) items.push(cleaned);
    }
    const bytes = items.reduce((sum, { bytes }) => sum + bytes, 0);
    return { session, dry_run: dryRun, bytes, items };
  }

  async setCounterSeeds(session: string, seeds: CounterSeeds): Promise<CounterSeeds> {
    const jobs = await this.#jobs(session);
    const root = jobs.find(({ record }) => record.manifest.parents.length === 0) ?? jobs[0]!;
    root.record.append("counters_set", { ...seeds });
    await this.#deps.log.durable();
    return seeds;
  }

  async #jobs(session: string): Promise<LiveJob[]> {
    const manifests = await this.#deps.store.ofSession(session);
    if (manifests.length === 0) throw new NotFoundError("session", session);
    return await Promise.all(manifests.map(({ id }) => this.#registry.load(id)));
  }
}

/** Whether it trains, or will as soon as it has a slot. */
function atWork({ state, record }: LiveJob): boolean {
  if (ENDED.has(state) || state === "stopping") return false;
  return record.manifest.goal === "running" && state !== "parked";
}
