import { createHash } from "node:crypto";
import type { AttachContext, Hello } from "../../runtime/protocol/attachment.ts";
import { PROTOCOL_VERSION } from "../../runtime/protocol/events.ts";
import { NotFoundError, UnavailableError } from "../errors.ts";
import type { JobManifest } from "../job.ts";
import { announce } from "../life/startup.ts";
import type { JobRegistry } from "../life/job_registry.ts";
import type { LiveJob } from "../life/live_job.ts";
import { JobName } from "../submission/job_name.ts";
import { newManifest } from "../submission/submission.ts";
import type { JobDeps } from "../supervisor_deps.ts";
import type { LineWriter } from "../workers/line_writer.ts";
import { AttachedJob } from "./attached_job.ts";
import { AttachedLink } from "./attached_link.ts";
import { AttachedWorker } from "./attached_worker.ts";
import { keepScript } from "./keep_script.ts";
import type { OriginalTrainer } from "./original_trainer.ts";
import { RefusedError } from "./refused_error.ts";
import { SeenEvents } from "./seen_events.ts";

/** The server's end of a trainer's line, before anybody knows whose it is. */
export interface IncomingLine {
  writer: LineWriter;
  hangUp: () => void;
  /** Where the server's pages are. */
  serverUrl: string;
  /** For a trainer that has said no hello of its own. */
  original: OriginalTrainer | null;
}

/** Who takes trainers in. */
export interface TrainerHost {
  /**
   * Takes a script's trainer in, as a new job or as the one that it has been; it is told which.
   * @throws {RefusedError} when it cannot be, with the reason to tell it.
   */
  attach(hello: Hello, line: IncomingLine): Promise<AttachedLink>;
}

/** Finds or makes the job of each trainer that dials in, one trainer of a job at a time. */
export class AttachDesk implements TrainerHost {
  readonly #deps: JobDeps;
  readonly #registry: JobRegistry;
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(deps: JobDeps, registry: JobRegistry) {
    this.#deps = deps;
    this.#registry = registry;
  }

  attach(hello: Hello, line: IncomingLine): Promise<AttachedLink> {
    const id = jobOf(hello);
    const before = this.#turns.get(id) ?? Promise.resolve();
    const attached = before.then(() => this.#attach(id, hello, line));
    const turn = attached.catch(() => {
      // The trainer whose line it was hears of it.
    });
    this.#turns.set(id, turn);
    turn.then(() => this.#turns.get(id) === turn && this.#turns.delete(id));
    return attached;
  }

  async #attach(
    id: string,
    hello: Hello,
    { writer, hangUp, serverUrl, original }: IncomingLine,
  ): Promise<AttachedLink> {
    const { artifacts, log } = this.#deps;
    const found = await this.#find(id) ?? await this.#create(id, hello);
    const { job, attached } = await takeJob(found, hello);
    if (job.closing) throw new UnavailableError("the server is shutting down");
    await log.durable();
    const { run_id, run_gen, session_id, threads, oldest } = hello;
    const seen = SeenEvents.of(log, id, run_gen, oldest);
    const { session, run_name } = job.record.manifest;
    const context: AttachContext = {
      job: id,
      session,
      run_name,
      url: `${serverUrl}/jobs/${id}`,
      checkpoint_dir: await artifacts.attemptDir(id, run_gen),
      acknowledged: seen.complete,
      server: { protocol: PROTOCOL_VERSION },
    };
    const link = new AttachedLink({
      identity: { run_id, run_gen, session_id },
      seen,
      writer,
      hangUp,
      original,
    });
    if (original === null) {
      writer.write(JSON.stringify({ id: "attach", cmd: "attach_context", payload: context }));
    }
    job.attach(new AttachedWorker(link), attached, threads);
    return link;
  }

  async #find(id: string): Promise<LiveJob | null> {
    try {
      return await this.#registry.load(id);
    } catch (error) {
      if (error instanceof NotFoundError) return null;
      throw error;
    }
  }

  async #create(id: string, hello: Hello): Promise<LiveJob> {
    const { store, clock, artifacts, logger } = this.#deps;
    const kept = await keepScript(artifacts, id, hello, this.#deps.options.imports?.names);
    if (kept.refused !== null) {
      logger.warn("job {job}: its module cannot rebuild it: {why}", { job: id, why: kept.refused });
    }
    const manifest: JobManifest = newManifest(clock(), {
      id,
      session: `sess-${hashOf("session", hello.session_id)}`,
      project: nameOr(hello.project, "default"),
      run_name: nameOr(hello.run_name, "run"),
      kind: "attached",
      config: {},
      module: kept.module,
      files: kept.files,
      owner: "local",
      attached: {
        claim: claimOf(hello),
        run_gen: hello.run_gen,
        script: hello.script?.name ?? "script",
        rebuilds: kept.rebuilds,
        capabilities: hello.capabilities,
        version: hello.version,
      },
    });
    try {
      const job = this.#registry.adopt(await store.create(manifest));
      announce(job);
      return job;
    } catch (error) {
      await artifacts.removeJob(id);
      throw error;
    }
  }
}

/** Lets a trainer have its job. @throws {RefusedError} when it is somebody else's by now. */
async function takeJob(
  job: LiveJob,
  hello: Hello,
): Promise<{ job: AttachedJob; attached: NonNullable<JobManifest["attached"]> }> {
  const { attached, attempt } = job.record.manifest;
  if (!(job instanceof AttachedJob) || attached === undefined) {
    throw new RefusedError("run_claimed", `job ${job.id} is no script's`);
  }
  if (attached.claim !== claimOf(hello)) {
    throw new RefusedError(
      "run_claimed",
      `run ${hello.run_id} is another trainer's: job ${job.id}`,
    );
  }
  if (attempt > hello.run_gen) {
    throw new RefusedError("run_over", `job ${job.id} goes on in a worker of the server's`);
  }
  // The same trainer has dialled again before its old line was known to be dead.
  if (job.connected) await job.attempt?.kill(0);
  return { job, attached };
}

/** The same trainer always gets the same job, on whichever server. */
function jobOf({ session_id, run_id }: Hello): string {
  return `job-${hashOf("job", session_id, run_id)}`;
}

function claimOf({ claim }: Hello): string {
  return createHash("sha256").update(claim).digest("hex");
}

function hashOf(...parts: string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 12);
}

function nameOr(name: string, otherwise: string): string {
  return JobName.safeParse(name).success ? name : otherwise;
}
