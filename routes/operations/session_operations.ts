import { z } from "zod";
import { ImproveRequest } from "../../jobs/improve/improve_request.ts";
import { CleanBody, CountersBody, SpillBody, SwitchBody } from "../schemas.ts";
import { Anything, eventStream, Job, links, type Operation, pageOf } from "./operation.ts";

const Session = z.object({
  id: z.string(),
  project: z.string(),
  root: z.string(),
  jobs: z.array(Job),
  created_at: z.number(),
  links,
});
const ImprovePlan = z.looseObject({
  plan: z.string(),
  session: z.string(),
  state: z.enum(["running", "stopping", "completed", "stopped", "failed"]),
  reason: z.string().nullable(),
  round: z.number().int(),
  stage: z.string().nullable(),
  winner: z.object({ job: z.string(), checkpoint: z.number().int().nullable() }).nullable(),
  rounds: z.array(z.record(z.string(), z.unknown())),
});

/** Sessions, and plans that improve one. */
export const SESSION_OPERATIONS: readonly Operation[] = [
  eventStream("/sessions/:id/events", "followSession", "Events of a session, from now."),
  {
    method: "get",
    path: "/sessions",
    id: "listSessions",
    summary: "List sessions.",
    status: 200,
    answer: pageOf(Session),
  },
  {
    method: "get",
    path: "/sessions/:id",
    id: "getSession",
    summary: "One session with its jobs.",
    status: 200,
    answer: Session,
  },
  {
    method: "post",
    path: "/sessions/:id/switch",
    id: "switchRun",
    summary: "Let one job of a session train: pause the others, resume this one.",
    body: SwitchBody,
    status: 200,
    answer: Anything,
  },
  {
    method: "post",
    path: "/sessions/:id/spill",
    id: "spillAll",
    summary: "Save where every job of a session that is at work stands.",
    body: SpillBody,
    status: 200,
    answer: Anything,
  },
  {
    method: "post",
    path: "/sessions/:id/clean",
    id: "cleanDisk",
    summary: "Remove what the jobs of a session that are at rest can do without.",
    body: CleanBody,
    status: 200,
    answer: Anything,
  },
  {
    method: "post",
    path: "/sessions/:id/counters",
    id: "setCounterSeeds",
    summary: "Let the names of a session's children go on behind these numbers.",
    body: CountersBody,
    status: 200,
    answer: CountersBody,
  },
  {
    method: "post",
    path: "/sessions/:id/improve",
    id: "startPlan",
    summary: "Scan, fork, train, merge, gate, and on from the winner, round by round.",
    body: ImproveRequest,
    status: 201,
    answer: ImprovePlan,
  },
  {
    method: "get",
    path: "/sessions/:id/improve",
    id: "listPlans",
    summary: "Plans of a session, newest first.",
    status: 200,
    answer: pageOf(ImprovePlan),
  },
  {
    method: "get",
    path: "/sessions/:id/improve/:plan",
    id: "getPlan",
    summary: "One plan: how far it is, what each stage came to.",
    status: 200,
    answer: ImprovePlan,
  },
  {
    method: "post",
    path: "/sessions/:id/improve/:plan/stop",
    id: "stopPlan",
    summary: "End a plan and what it has at work.",
    status: 200,
    answer: ImprovePlan,
  },
];
