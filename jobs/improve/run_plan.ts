import { hasEnded, type Plan } from "./plan.ts";
import type { PlanBook } from "./plan_book.ts";
import type { Stages } from "./stages.ts";

/** What a plan is carried out with. */
export interface PlanDeps {
  book: PlanBook;
  stages: Stages;
  /** Milliseconds since the epoch. */
  clock: () => number;
  /** Aborts when the plan is to stop, or the server ends. */
  signal: AbortSignal;
  /** Whether the server ends: the plan then stays as it is, for the next one. */
  closing: () => boolean;
}

/**
 * Carries a plan out from where the log says it is to its end. Each stage counts once its event is
 * durable; one that was cut short is begun again.
 */
export async function runPlan(
  deps: PlanDeps,
  { session, plan: id }: Pick<Plan, "session" | "plan">,
): Promise<void> {
  const { book, stages, closing } = deps;
  for (;;) {
    const plan = book.plan(session, id);
    if (hasEnded(plan) || closing()) return;
    const round = plan.rounds[plan.round - 1] ?? { round: plan.round };
    const end = (state: "completed" | "stopped" | "failed", reason: string | null) =>
      book.append(plan, plan.round, "end", { state, reason });
    const where = `round ${plan.round}, ${plan.stage ?? "end"}`;
    try {
      if (plan.state === "stopping") {
        await stages.end(plan, round);
        await end("stopped", `asked to stop in ${where}`);
      } else if (plan.stage === null) {
        await end("completed", null);
      } else if (secondsSpent(plan, deps.clock())) {
        await end("stopped", `its ${plan.request.budget.seconds} s were spent before ${where}`);
      } else {
        const detail = await stages.run(plan, round, plan.stage);
        await book.append(plan, plan.round, plan.stage, detail);
      }
    } catch (error) {
      if (closing()) return;
      // A stop ends what waits; the next look at the log finds it.
      if (plan.state === "running" && deps.signal.aborted) continue;
      await end("failed", `${where}: ${error instanceof Error ? error.message : error}`);
    }
  }
}

function secondsSpent({ request, created_at }: Plan, now: number): boolean {
  const { seconds } = request.budget;
  return seconds !== undefined && now - created_at >= seconds * 1_000;
}
