import type { Idempotency } from "../control_plane.ts";
import { ConflictError, NotFoundError, UnprocessableError } from "../errors.ts";
import { newPlanId } from "../job_id.ts";
import type { JobRegistry } from "../life/job_registry.ts";
import type { LiveJob } from "../life/live_job.ts";
import type { JobDeps } from "../supervisor_deps.ts";
import { checkRequest } from "./check_request.ts";
import type { ImproveRequest } from "./improve_request.ts";
import { hasEnded, type Plan } from "./plan.ts";
import { PlanBook } from "./plan_book.ts";
import { runPlan } from "./run_plan.ts";
import { type PlanActions, Stages } from "./stages.ts";

/** What can be asked of the plans of a session. */
export interface ImproveActions {
  /**
   * Begins a plan; answers it once it is durable.
   * @throws {UnprocessableError} for what is known to come to nothing.
   */
  start(
    session: string,
    request: ImproveRequest,
    actor: string,
    idempotency?: Idempotency,
  ): Promise<{ plan: Plan; replayed: boolean }>;
  /** Oldest first. */
  plans(session: string): Promise<Plan[]>;
  plan(session: string, plan: string): Promise<Plan>;
  /** Ends a plan and what it has at work; one that has ended stays as it is. */
  stop(session: string, plan: string, actor: string): Promise<Plan>;
}

/** A plan that is being carried out. */
interface Running {
  abort: AbortController;
  ended: Promise<void>;
}

/** Takes plans in, carries them out, and goes on with those that a server before left. */
export class ImproveDesk implements ImproveActions {
  readonly #deps: JobDeps;
  readonly #registry: JobRegistry;
  readonly #actions: PlanActions;
  readonly #book: PlanBook;
  readonly #running = new Map<string, Running>();
  #starts: Promise<unknown> = Promise.resolve();
  #closing = false;

  constructor(deps: JobDeps, registry: JobRegistry, actions: PlanActions) {
    this.#deps = deps;
    this.#registry = registry;
    this.#actions = actions;
    this.#book = new PlanBook(deps, registry);
  }

  /** Goes on with every plan that has not ended. */
  resume(): void {
    for (const plan of this.#book.plans()) if (!hasEnded(plan)) this.#carryOut(plan);
  }

  /** Lets go of every plan, for the server's end: the next one goes on with them. */
  async close(): Promise<void> {
    this.#closing = true;
    const running = [...this.#running.values()];
    for (const { abort } of running) abort.abort();
    await Promise.all(running.map(({ ended }) => ended));
  }

  start(
    session: string,
    request: ImproveRequest,
    actor: string,
    idempotency?: Idempotency,
  ): Promise<{ plan: Plan; replayed: boolean }> {
    // One after another, so that each finds the key of the one before in the log.
    const started = this.#starts.then(() => this.#start(session, request, actor, idempotency));
    this.#starts = started.catch(() => {
      // Whoever asked hears of it.
    });
    return started;
  }

  async plans(session: string): Promise<Plan[]> {
    await this.#root(session);
    return this.#book.plans(session);
  }

  async plan(session: string, id: string): Promise<Plan> {
    await this.#root(session);
    return this.#book.plan(session, id);
  }

  async stop(session: string, id: string, actor: string): Promise<Plan> {
    const plan = await this.plan(session, id);
    if (plan.state === "running") await this.#book.append(plan, plan.round, "stop", { actor });
    const running = this.#running.get(id);
    running?.abort.abort(new ConflictError(`plan ${id} was stopped`));
    await running?.ended;
    return this.#book.plan(session, id);
  }

  async #start(
    session: string,
    request: ImproveRequest,
    actor: string,
    idempotency: Idempotency | undefined,
  ): Promise<{ plan: Plan; replayed: boolean }> {
    const root = await this.#root(session);
    const first = idempotency && this.#book.plans(session)
      .find((plan) => plan.idempotency?.key === idempotency.key);
    if (first) {
      if (first.idempotency?.fingerprint === idempotency.fingerprint) {
        return { plan: first, replayed: true };
      }
      throw new UnprocessableError(
        "Idempotency-Key",
        `Idempotency-Key ${idempotency.key} belongs to a request with other content`,
      );
    }
    const job = request.job === undefined ? root : await this.#registry.load(request.job);
    checkRequest(job, session, request);
    const plan = { plan: newPlanId(this.#deps.randomId), session, root: root.id };
    const detail = { request, actor, idempotency: idempotency ?? null };
    await this.#book.append(plan, 1, "plan", detail);
    this.#carryOut(plan);
    return { plan: this.#book.plan(session, plan.plan), replayed: false };
  }

  #carryOut(plan: Pick<Plan, "plan" | "session">): void {
    const abort = new AbortController();
    const { signal } = abort;
    const stages = new Stages(this.#deps, this.#registry, this.#actions, signal);
    const { clock, logger } = this.#deps;
    const deps = { book: this.#book, stages, clock, signal, closing: () => this.#closing };
    const ended = runPlan(deps, plan).catch((error) => {
      if (this.#closing) return;
      logger.error("plan {plan}: {error}", { plan: plan.plan, error });
    }).finally(() => this.#running.delete(plan.plan));
    this.#running.set(plan.plan, { abort, ended });
  }

  /** The job whose log holds the session's plans. */
  async #root(session: string): Promise<LiveJob> {
    const jobs = await this.#deps.store.ofSession(session);
    const root = jobs.find(({ parents }) => parents.length === 0) ?? jobs[0];
    if (root === undefined) throw new NotFoundError("session", session);
    return await this.#registry.load(root.id);
  }
}
