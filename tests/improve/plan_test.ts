import { assertEquals } from "@std/assert";
import { ImproveRequest } from "../../jobs/improve/improve_request.ts";
import { foldPlan, hasEnded, type Stage, type StageEvent } from "../../jobs/improve/plan.ts";

const request = ImproveRequest.parse({
  strategy: "swa",
  budget: { steps: 5 },
  children: 2,
  selection: { kind: "quantile", from: 0, to: 1 },
  rounds: 2,
});
const WINNER = { job: "job-merge", checkpoint: null };
const DETAILS: Partial<Record<Stage, unknown>> = {
  plan: { request, actor: "local", idempotency: null },
  gate: { winner: WINNER },
  end: { state: "completed", reason: null },
};

/** The plan after these stages, each of which is `round stage`. */
function after(...stages: string[]) {
  const events = ["1 plan", ...stages].map((text, index) => {
    const [round, stage] = text.split(" ");
    const place = { plan: "plan-1", job: "job-root", session: "sess-1", ts: index };
    const detail = DETAILS[stage as Stage] ?? {};
    return { ...place, round: Number(round), stage, detail } as StageEvent;
  });
  return foldPlan(events)!;
}

const ROUND = ["scan", "fork", "train", "merge", "gate"];
const through = (round: number) => ROUND.map((stage) => `${round} ${stage}`);

Deno.test("foldPlan() names the stage that comes next, whatever is done", () => {
  const next = (...stages: string[]) => {
    const { round, stage } = after(...stages);
    return `${round} ${stage}`;
  };
  assertEquals(next(), "1 scan");
  for (let done = 1; done < ROUND.length; done++) {
    assertEquals(next(...through(1).slice(0, done)), `1 ${ROUND[done]}`);
  }
  assertEquals(next(...through(1)), "2 scan");
  assertEquals(next(...through(1), "2 scan"), "2 fork");
  assertEquals(next(...through(1), ...through(2)), "2 null");
});

Deno.test("foldPlan() keeps the newest winner, and what every round came to", () => {
  const plan = after(...through(1), "2 scan");
  assertEquals([plan.winner, plan.state, hasEnded(plan)], [WINNER, "running", false]);
  assertEquals(plan.rounds.map((round) => Object.keys(round)), [
    ["round", ...ROUND],
    ["round", "scan"],
  ]);
});

Deno.test("foldPlan() is stopping from the request on, and ended from its end on", () => {
  assertEquals(after("1 scan", "1 stop").state, "stopping");
  const ended = after("1 scan", "1 stop", "1 end");
  assertEquals([ended.state, ended.stage, ended.finished_at], ["completed", null, 3]);
  assertEquals(hasEnded(ended), true);
});
