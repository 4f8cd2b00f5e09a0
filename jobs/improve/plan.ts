/**
 * A plan as the log tells of it: every stage that came to its end is an `improve_stage` event of
 * the session's root job, and a plan is what follows from its events. Nothing else is stored, so a
 * server that begins anew knows exactly which stage comes next.
 *
 * `plan` opens it; each round then has `scan`, `fork`, `train`, `merge` and `gate`, in this order;
 * `stop` says that somebody asked for its end, `end` is the last.
 */
import type { Idempotency } from "../control_plane.ts";
import type { JobState } from "../job.ts";
import type { Selection } from "../../runtime/protocol/selection.ts";
import type { GateResult } from "../../runtime/protocol/merge_gate.ts";
import type { ImproveRequest } from "./improve_request.ts";

/** A checkpoint of a job; null: its newest. */
export interface Point {
  job: string;
  checkpoint: number | null;
}

/** What a stage found, made or decided. */
export interface StageDetails {
  plan: { request: ImproveRequest; actor: string; idempotency: Idempotency | null };
  /** Where the round begins, and what each child will train on there. */
  scan: {
    base: { job: string; checkpoint: number };
    children: { selection: Selection; lr_mul: number; samples: number; share: number }[];
  };
  fork: { jobs: string[] };
  train: { jobs: { job: string; state: JobState; step: number; error: string | null }[] };
  merge: { job: string; state: JobState };
  gate:
    & Pick<GateResult, "split" | "metric" | "accepted" | "advantage" | "notes">
    & {
      /** By the gate's metric on all of its split; null where a model has none. */
      figures: { base: number | null; best_parent: number | null; merge: number | null };
      winner: Point;
      /** Why this one. */
      reason: string;
    };
  stop: { actor: string };
  end: { state: "completed" | "stopped" | "failed"; reason: string | null };
}
/** Stage of a plan. */
export type Stage = keyof StageDetails;
/** A stage that each round goes through. */
export type RoundStage = Exclude<Stage, "plan" | "stop" | "end">;

/** The stages of a round, in their order. */
export const ROUND_STAGES: readonly RoundStage[] = ["scan", "fork", "train", "merge", "gate"];

/** What a round has come to: each stage that is done. */
export type Round = { round: number } & { [S in RoundStage]?: StageDetails[S] };

/** A plan and how far it is. */
export interface Plan {
  plan: string;
  session: string;
  /** The job whose log has it. */
  root: string;
  state: "running" | "stopping" | "completed" | "stopped" | "failed";
  /** Why it ended as it did; null where there is nothing to say. */
  reason: string | null;
  /** What is under way; null once it has ended. */
  stage: RoundStage | null;
  round: number;
  /** Where the newest round that is through leads to; null before the first. */
  winner: Point | null;
  rounds: Round[];
  request: ImproveRequest;
  actor: string;
  idempotency: Idempotency | null;
  created_at: number;
  finished_at: number | null;
}

/** One `improve_stage` event. */
export type StageEvent = {
  [S in Stage]: {
    plan: string;
    round: number;
    stage: S;
    detail: StageDetails[S];
    job: string;
    session: string;
    ts: number;
  };
}[Stage];

/** What a plan's events, in their order, come to; null where the first is missing. */
export function foldPlan(events: readonly StageEvent[]): Plan | null {
  const [first, ...rest] = events;
  if (first?.stage !== "plan") return null;
  const plan: Plan = {
    plan: first.plan,
    session: first.session,
    root: first.job,
    state: "running",
    reason: null,
    stage: "scan",
    round: 1,
    winner: null,
    rounds: [],
    ...first.detail,
    created_at: first.ts,
    finished_at: null,
  };
  for (const event of rest) foldStage(plan, event);
  return plan;
}

function foldStage(plan: Plan, event: StageEvent): void {
  switch (event.stage) {
    case "plan":
      return;
    case "stop":
      plan.state = "stopping";
      return;
    case "end":
      plan.state = event.detail.state;
      plan.reason = event.detail.reason;
      plan.finished_at = event.ts;
      plan.stage = null;
      return;
  }
  const known = plan.rounds.find(({ round }) => round === event.round);
  const round = known ?? { round: event.round };
  if (known === undefined) plan.rounds.push(round);
  Object.assign(round, { [event.stage]: event.detail });
  if (event.stage === "gate") plan.winner = event.detail.winner;
  const next = ROUND_STAGES[ROUND_STAGES.indexOf(event.stage) + 1];
  const last = event.round === plan.request.rounds;
  plan.stage = next ?? (last ? null : "scan");
  plan.round = next === undefined && !last ? event.round + 1 : event.round;
}

/** Whether nothing follows any more. */
export function hasEnded({ state }: Plan): boolean {
  return state !== "running" && state !== "stopping";
}
