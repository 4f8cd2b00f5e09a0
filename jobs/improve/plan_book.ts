import type { ServerEvents } from "../../runtime/protocol/events.ts";
import { NotFoundError } from "../errors.ts";
import type { JobRegistry } from "../life/job_registry.ts";
import type { JobDeps } from "../supervisor_deps.ts";
import { foldPlan, type Plan, type Stage, type StageDetails, type StageEvent } from "./plan.ts";

/** Plans, as the event log has them. */
export class PlanBook {
  readonly #deps: Pick<JobDeps, "log">;
  readonly #registry: JobRegistry;

  constructor(deps: Pick<JobDeps, "log">, registry: JobRegistry) {
    this.#deps = deps;
    this.#registry = registry;
  }

  /** Writes that a stage is done; resolves when that is durable. */
  async append<S extends Stage>(
    { plan, root }: Pick<Plan, "plan" | "root">,
    round: number,
    stage: S,
    detail: StageDetails[S],
  ): Promise<void> {
    const job = await this.#registry.load(root);
    if (job.record.removed) throw new NotFoundError("job", root);
    job.record.append("improve_stage", { plan, round, stage, detail: { ...detail } });
    await this.#deps.log.durable();
  }

  /** Every plan of every session, or of one, oldest first. */
  plans(session?: string): Plan[] {
    return [...this.#read(session).values()];
  }

  /** @throws {NotFoundError} when the session had no such plan. */
  plan(session: string, plan: string): Plan {
    const found = this.#read(session).get(plan);
    if (found === undefined) throw new NotFoundError("plan", `${plan} in session ${session}`);
    return found;
  }

  #read(session: string | undefined): Map<string, Plan> {
    const events = this.#deps.log
      // By type alone: the log finds rare types among many steps, within a session it looks at all.
      .read({ types: ["improve_stage"] }, 0, Number.MAX_SAFE_INTEGER)
      .filter((event) => session === undefined || event.session === session)
      // Only `append` above writes them.
      .map(({ data }) => JSON.parse(data) as ServerEvents["improve_stage"] as StageEvent);
    const plans = new Map<string, Plan>();
    for (const [id, own] of Map.groupBy(events, ({ plan }) => plan)) {
      const plan = foldPlan(own);
      if (plan !== null) plans.set(id, plan);
    }
    return plans;
  }
}
