import { z } from "zod";
import { Receipt } from "../../jobs/job.ts";
import { CONTROL_BODIES, ForkBody, HealthBody, MergeBody } from "../schemas.ts";
import { Job, type Operation, pageOf } from "./operation.ts";

function control(
  call: keyof typeof CONTROL_BODIES,
  id: string,
  summary: string,
  method: "post" | "patch" = "post",
): Operation {
  const body = CONTROL_BODIES[call];
  const path = `/jobs/:id/${call}`;
  return { method, path, id, summary, body, status: 200, answer: Receipt, waits: true };
}

/** What is asked of a job: control calls, children, receipts. */
export const COMMAND_OPERATIONS: readonly Operation[] = [
  control("pause", "pauseJob", "Pause at the next batch boundary; release frees the worker too."),
  control("resume", "resumeJob", "Go on; with a raised budget an ended job too."),
  control("stop", "stopJob", "Stop for good, with a checkpoint."),
  control("test", "testJob", "Test on a split."),
  control("checkpoints", "saveCheckpoint", "Save a checkpoint now."),
  control("rewind", "rewindJob", "Load a checkpoint back; a new take begins."),
  control("reset", "resetJob", "Go back to where the job began; a new take begins."),
  control(
    "certificate",
    "certifyJob",
    "Train steps again and compare every bit with what was kept.",
  ),
  control("export", "exportSamples", "Write samples to a file, as a selection picks them."),
  control("selection", "trySelection", "What a selection picks, before anything is forked."),
  control("report", "scanSamples", "Loss and outcome of each sample of a split, at a checkpoint."),
  control("suspects", "findSuspects", "Samples that are probably mislabelled, copies or outliers."),
  control("hparams", "setHparams", "Change hyperparameters at a batch boundary.", "patch"),
  {
    method: "post",
    path: "/jobs/:id/health/:check",
    id: "checkHealth",
    summary: "Check the model, its data or its worker, and leave the run as it was.",
    body: HealthBody,
    status: 200,
    answer: Receipt,
    waits: true,
  },
  {
    method: "post",
    path: "/jobs/:id/fork",
    id: "forkJob",
    summary: "Start a child on a selection of the samples, or several with `children`.",
    body: ForkBody,
    status: 201,
    answer: z.union([Job, z.object({ items: z.array(Job), overlap: z.number().nullable() })]),
  },
  {
    method: "post",
    path: "/jobs/:id/merge",
    id: "mergeJobs",
    summary: "Make a child from this job and others.",
    body: MergeBody,
    status: 201,
    answer: Job,
  },
  {
    method: "get",
    path: "/jobs/:id/commands",
    id: "listCommands",
    summary: "Receipts of a job's commands.",
    status: 200,
    answer: pageOf(Receipt),
  },
  {
    method: "get",
    path: "/jobs/:id/commands/:command",
    id: "getCommand",
    summary: "One receipt.",
    status: 200,
    answer: Receipt,
  },
  {
    method: "delete",
    path: "/jobs/:id/commands/:command",
    id: "cancelCommand",
    summary: "End a report that is under way; answers the receipt as it ended.",
    status: 200,
    answer: Receipt,
  },
];
