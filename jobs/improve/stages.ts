import type { TrainerEvents } from "../../runtime/protocol/events.ts";
import { parseWireConfig, type PartialJobConfig } from "../../runtime/protocol/job_config.ts";
import type { ControlPlane, ControlRequest, Idempotency } from "../control_plane.ts";
import { ENDED, type JobManifest, LIVE, type Receipt } from "../job.ts";
import type { JobRegistry } from "../life/job_registry.ts";
import type { LiveJob } from "../life/live_job.ts";
import { holdOrigin, releaseOrigins } from "../lineage/origin.ts";
import type { JobDeps } from "../supervisor_deps.ts";
import type { Plan, Point, Round, RoundStage, StageDetails } from "./plan.ts";
import { plannedChildren } from "./planned_children.ts";

/** What of the job service a plan uses. */
export type PlanActions = Pick<ControlPlane, "command" | "cancel" | "forkAll" | "merge">;

/** A plan came to something from which it cannot go on; the message says what. */
export class PlanError extends Error {
  override name = "PlanError";
}

/** The budget in steps is what ends a child; nobody is there to mend one that diverges. */
const CHILD_CONFIG = { max_epochs: 1_000_000, on_non_finite: "stop" };

/** The key under which a plan's fork or merge is made: however often it is asked for, once. */
export function stageKey({ plan }: Plan, round: number, stage: "fork" | "merge"): Idempotency {
  const key = `improve-${plan}-${round}-${stage}`;
  return { key, fingerprint: key };
}

/**
 * The stages of a round. Each can be carried out again after a crash: what was made before is found
 * by its key, its label or its state. Those that wait throw once `signal` aborts.
 */
export class Stages {
  readonly #deps: JobDeps;
  readonly #registry: JobRegistry;
  readonly #actions: PlanActions;
  readonly #signal: AbortSignal;

  constructor(
    deps: JobDeps,
    registry: JobRegistry,
    actions: PlanActions,
    signal: AbortSignal,
  ) {
    this.#deps = deps;
    this.#registry = registry;
    this.#actions = actions;
    this.#signal = signal;
  }

  /** Carries a stage out; what it found, made or decided. */
  run(plan: Plan, round: Round, stage: RoundStage): Promise<StageDetails[RoundStage]> {
    return this[stage](plan, round);
  }

  /** Where the round begins, and what its rules pick there. */
  async scan(plan: Plan, { round }: Round): Promise<StageDetails["scan"]> {
    const { request, root } = plan;
    const first: Point = {
      job: request.job ?? root,
      checkpoint: request.at === "now" ? null : request.at,
    };
    const begin = round === 1 ? first : plan.winner!;
    const checkpoint = begin.checkpoint ?? await this.#newest(plan, round, begin.job);
    const children: StageDetails["scan"]["children"] = [];
    for (const [index, child] of plannedChildren(request).entries()) {
      const { selection } = child;
      const picked = await this.#command(plan, begin.job, {
        command: "selection",
        selection,
        split: "train",
        at: checkpoint,
      }).catch((cause) => {
        throw new PlanError(`children.${index}: ${messageOf(cause)}`, { cause });
      });
      children.push({
        selection,
        lr_mul: child.lr_mul ?? request.lr_mul,
        samples: Number(picked["count"]),
        share: Number(picked["share"]),
      });
    }
    return { base: { job: begin.job, checkpoint }, children };
  }

  /** Makes the children; as many as there are slots begin. */
  async fork(plan: Plan, { round, scan }: Round): Promise<StageDetails["fork"]> {
    const { base, children } = scan!;
    const { optimizer, budget: { slots = children.length } } = plan.request;
    const config = budgetConfig(plan);
    const requests = children.map(({ selection, lr_mul }, index) => ({
      selection,
      at: base.checkpoint,
      config,
      lr_mul,
      optimizer,
      start: index < slots,
    }));
    const key = stageKey(plan, round, "fork");
    const { jobs } = await this.#actions.forkAll(base.job, requests, plan.actor, key);
    return { jobs: jobs.map(({ id }) => id) };
  }

  /** Waits until every child has trained; those that had no slot begin as others end. */
  async train(plan: Plan, { fork, scan }: Round): Promise<StageDetails["train"]> {
    const jobs = await Promise.all(fork!.jobs.map((id) => this.#registry.load(id)));
    const { slots = scan!.children.length } = plan.request.budget;
    while (jobs.some((job) => !atEnd(job))) {
      const waiting = jobs.filter(neverBegun);
      const atWork = jobs.filter((job) => !atEnd(job) && !waiting.includes(job));
      for (const job of waiting.slice(0, Math.max(0, slots - atWork.length))) {
        await this.#command(plan, job.id, { command: "resume" });
        atWork.push(job);
      }
      await Promise.race(atWork.map((job) => this.#until(job, () => atEnd(job))));
    }
    return { jobs: jobs.map(({ record }) => facts(record.manifest)) };
  }

  /** Merges what trained, and waits until that is judged. */
  async merge(plan: Plan, { round, train }: Round): Promise<StageDetails["merge"]> {
    const { strategy, params, batch_norm, gate } = plan.request;
    const trained = train!.jobs.filter(({ state, step }) => state !== "failed" && step > 0);
    if (trained.length < 2) throw new PlanError(tooFew(train!, trained.length));
    const [path, ...others] = trained.map(({ job }) => ({ job }));
    // A student that does not train is no student.
    const trains = strategy === "distillation";
    const { job: { id } } = await this.#actions.merge(
      path!.job,
      {
        with: others,
        strategy,
        params,
        config: budgetConfig(plan),
        optimizer: "fresh",
        batch_norm,
        gate,
        control: false,
        start: trains,
      },
      plan.actor,
      stageKey(plan, round, "merge"),
    );
    const job = await this.#registry.load(id);
    await this.#until(job, () => atEnd(job) || (!trains && job.state === "parked"));
    return { job: id, state: job.state };
  }

  /** Who the next round begins with: the merge where the gate takes it, else the best parent. */
  async gate(_: Plan, { merge }: Round): Promise<StageDetails["gate"]> {
    const { record } = await this.#registry.load(merge!.job);
    const { gate, error, state } = record.manifest;
    if (gate === undefined) {
      throw new PlanError(
        `merge ${merge!.job} is ${state}: ${error?.message ?? "nobody judged it"}`,
      );
    }
    const { split, metric, accepted, advantage, notes, best_parent } = gate;
    const logged = this.#deps.log.newest(merge!.job, ["merge_gate"]);
    // A manifest has no long table; the event does.
    const table = logged === null
      ? gate.table
      : (JSON.parse(logged.data) as TrainerEvents["merge_gate"]).table;
    const whole = (table ?? []).filter(({ on, slice }) => on === split && slice === null);
    const figure = (model: string, job?: string) =>
      whole.find((row) => row.model === model && (job === undefined || row.job === job))
        ?.[metric] ?? null;
    const reason = accepted === true
      ? `the merge is better than the best parent by ${metric} on ${split}`
      : `the gate ${accepted === false ? "refused the merge" : "could not tell"}: ` +
        `${best_parent.job} is the best parent by ${metric} on ${split}`;
    return {
      split,
      metric,
      accepted,
      advantage,
      notes,
      figures: {
        base: figure("ancestor"),
        best_parent: figure("parent", best_parent.job),
        merge: figure("child"),
      },
      winner: accepted === true ? { job: merge!.job, checkpoint: null } : best_parent,
      reason,
    };
  }

  /** Ends what a round has at work, its plan's end in view. */
  async end(plan: Plan, round: Round): Promise<void> {
    const children = round.fork?.jobs ?? await this.#made(plan, round, "fork");
    const merges = await this.#made(plan, round, "merge");
    const jobs = await Promise.all([...children, ...merges].map((id) => this.#registry.load(id)));
    // A parked merge has its weights, and is at rest.
    const open = jobs.filter((job) =>
      !atEnd(job) && !(job.record.manifest.kind === "merge" && job.state === "parked")
    );
    await Promise.all(open.map(async (job) => {
      try {
        const { receipt } = await this.#actions.command(job.id, { command: "stop" }, plan.actor);
        await receipt;
      } catch (error) {
        // It came to its end by itself meanwhile.
        if (!atEnd(job)) throw error;
      }
    }));
  }

  /** Jobs that a stage made before it could say so. */
  async #made(plan: Plan, round: Round, stage: "fork" | "merge"): Promise<string[]> {
    const parent = round.scan === undefined ? [] : [round.scan.base.job];
    const { key } = stageKey(plan, round.round, stage);
    for (const scope of stage === "fork" ? parent : round.fork?.jobs ?? []) {
      const bound = await this.#deps.store.key(scope, key);
      if (bound?.result) return bound.result.split(" ");
    }
    return [];
  }

  /** A checkpoint of where a job stands that stays: a labelled one, while the job goes on. */
  async #newest(plan: Plan, round: number, id: string): Promise<number> {
    const job = await this.#registry.load(id);
    if (!LIVE.has(job.state)) {
      const origin = await holdOrigin(job, null, "fork");
      releaseOrigins([origin]);
      return origin.record.checkpoint;
    }
    const label = `improve-${plan.plan}-${round}`;
    const kept = job.record.checkpoints.values().find((record) => record.label === label);
    if (kept !== undefined) return kept.checkpoint;
    const saved = await this.#command(plan, id, { command: "checkpoint", label });
    return Number(saved["checkpoint"]);
  }

  /** Sends a command; when the plan is to end, one that can be cancelled is. */
  async #command(plan: Plan, job: string, request: ControlRequest): Promise<Receipt> {
    const { command_id, receipt } = await this.#actions.command(job, request, plan.actor);
    if (request.command !== "selection") return await receipt;
    const cancel = () => {
      this.#actions.cancel(job, command_id).catch((error) => {
        this.#deps.logger.debug("plan {plan}: cancel: {error}", { plan: plan.plan, error });
      });
    };
    this.#signal.addEventListener("abort", cancel, { once: true });
    try {
      return await receipt;
    } finally {
      this.#signal.removeEventListener("abort", cancel);
    }
  }

  /** Resolves once a job is so, or the plan is to end. */
  async #until(job: LiveJob, probe: () => boolean): Promise<void> {
    const aborted = Promise.withResolvers<void>();
    const abort = () => aborted.resolve();
    this.#signal.addEventListener("abort", abort, { once: true });
    if (this.#signal.aborted) abort();
    // Once the plan ends, nobody is left who waits for the job.
    const so = job.until(() => probe() || job.record.removed || this.#signal.aborted || undefined);
    await Promise.race([so, aborted.promise]);
    this.#signal.removeEventListener("abort", abort);
    this.#signal.throwIfAborted();
    if (job.record.removed) throw new PlanError(`job ${job.id} was deleted`);
  }
}

function budgetConfig({ request }: Plan): PartialJobConfig {
  const { config, budget } = request;
  return parseWireConfig({ ...CHILD_CONFIG, ...config, max_steps: budget.steps });
}

function atEnd({ state }: LiveJob): boolean {
  return ENDED.has(state);
}

/** Made to wait for a slot of the plan's, unlike one that somebody paused. */
function neverBegun({ state, record }: LiveJob): boolean {
  return state === "parked" && record.manifest.started_at === null;
}

function facts({ id, state, step, error }: JobManifest): StageDetails["train"]["jobs"][number] {
  return { job: id, state, step, error: error?.message ?? null };
}

function tooFew({ jobs }: StageDetails["train"], trained: number): string {
  const others = jobs.filter(({ state, step }) => state === "failed" || step === 0)
    .map(({ job, state, error }) => `${job} is ${state}${error === null ? "" : ` (${error})`}`);
  return `${trained} of ${jobs.length} children trained, and a merge takes two: ${
    others.join(", ")
  }`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
