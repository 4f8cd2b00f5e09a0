import { z } from "zod";
import { CheckpointRecord } from "../../jobs/job.ts";
import { JobListQuery, JobPatch, MetricsQuery, SubmissionBody } from "../schemas.ts";
import { eventStream, Job, links, type Operation, pageOf } from "./operation.ts";

const Checkpoint = z.object({ ...CheckpointRecord.shape, links });
const Point = z.object({
  step: z.number(),
  axis_step: z.number(),
  ts: z.number(),
  epoch: z.number(),
  min: z.number().nullable(),
  max: z.number().nullable(),
  last: z.number().nullable(),
});
const Metrics = z.object({
  job: z.string(),
  series: z.record(z.string(), z.array(Point)),
  available: z.array(z.string()),
  first_step: z.number().nullable(),
  last_step: z.number().nullable(),
  last_event_seq: z.number(),
  last_event_id: z.string(),
});

/** Jobs, their checkpoints and their figures. */
export const JOB_OPERATIONS: readonly Operation[] = [
  {
    method: "post",
    path: "/jobs",
    id: "submitJob",
    summary: "Submit a job. As application/typescript the body is the module and config the query.",
    body: SubmissionBody,
    bodyTypes: ["application/json", "multipart/form-data", "application/typescript"],
    status: 201,
    answer: Job,
  },
  {
    method: "get",
    path: "/jobs",
    id: "listJobs",
    summary: "List jobs, newest first.",
    query: JobListQuery,
    status: 200,
    answer: pageOf(Job),
  },
  { method: "get", path: "/jobs/:id", id: "getJob", summary: "Read.", status: 200, answer: Job },
  {
    method: "patch",
    path: "/jobs/:id",
    id: "patchJob",
    summary: "Change how soon a job gets a slot.",
    body: JobPatch,
    status: 200,
    answer: Job,
  },
  {
    method: "delete",
    path: "/jobs/:id",
    id: "deleteJob",
    summary: "Delete a job that does not run and that nothing started from.",
    status: 204,
  },
  {
    method: "get",
    path: "/jobs/:id/module",
    id: "getModule",
    summary: "The module's source, as posted.",
    status: 200,
    answerTypes: ["application/typescript"],
  },
  {
    method: "get",
    path: "/jobs/:id/checkpoints",
    id: "listCheckpoints",
    summary: "Checkpoints of a job, newest first.",
    status: 200,
    answer: pageOf(Checkpoint),
  },
  {
    method: "get",
    path: "/jobs/:id/checkpoints/:checkpoint",
    id: "getCheckpoint",
    summary: "The safetensors file of a checkpoint.",
    status: 200,
    answerTypes: ["application/octet-stream"],
  },
  {
    method: "get",
    path: "/jobs/:id/metrics",
    id: "getMetrics",
    summary: "Series in min/max buckets.",
    query: MetricsQuery,
    status: 200,
    answer: Metrics,
    answerTypes: ["application/json", "text/csv"],
  },
  {
    method: "get",
    path: "/jobs/:id/metrics.csv",
    id: "getMetricTable",
    summary: "Every figure of every step, as CSV.",
    status: 200,
    answerTypes: ["text/csv"],
  },
  eventStream("/jobs/:id/events", "followJob", "Events of a job, from its beginning."),
];
