import { z } from "zod";
import { DatasetRecord } from "../../jobs/storage/dataset_store.ts";
import { BackendReport } from "../../jobs/workers/backend_report.ts";
import { DatasetFileQuery, ServerInfoQuery } from "../schemas.ts";
import { Anything, eventStream, links, next_cursor, type Operation, pageOf } from "./operation.ts";

const Dataset = z.object({ ...DatasetRecord.shape, links });

/** Datasets, everything at once, and the server itself. */
export const SERVER_OPERATIONS: readonly Operation[] = [
  eventStream("/events", "followAll", "All events, from now."),
  {
    method: "put",
    path: "/datasets/:name",
    id: "putDataset",
    summary: "Upload a dataset, or replace it: one file as the body, or several as a form.",
    query: DatasetFileQuery,
    body: z.unknown(),
    bodyTypes: ["application/octet-stream", "multipart/form-data"],
    status: 201,
    answer: Dataset,
  },
  {
    method: "get",
    path: "/datasets",
    id: "listDatasets",
    summary: "List datasets; files is their count.",
    status: 200,
    answer: pageOf(Dataset.extend({ files: z.number() })),
  },
  {
    method: "get",
    path: "/datasets/:name",
    id: "getDataset",
    summary: "One dataset with its files.",
    status: 200,
    answer: Dataset,
  },
  {
    method: "get",
    path: "/datasets/:name/content",
    id: "getDatasetContent",
    summary: "A file of a dataset, or a range of it.",
    query: DatasetFileQuery,
    status: 200,
    answerTypes: ["application/octet-stream"],
  },
  {
    method: "delete",
    path: "/datasets/:name",
    id: "deleteDataset",
    summary: "Delete a dataset that no job which has not ended uses.",
    status: 204,
  },
  {
    method: "get",
    path: "/healthz",
    id: "live",
    summary: "Whether the process answers.",
    status: 200,
    answer: Anything,
  },
  {
    method: "get",
    path: "/backends",
    id: "listBackends",
    summary: "What jobs can compute on here, measured at the first request.",
    status: 200,
    answer: z.object({ items: z.array(BackendReport), next_cursor }),
  },
  {
    method: "get",
    path: "/server_info",
    id: "serverInfo",
    summary: "What the server is and speaks; refuses a client of a newer protocol.",
    query: ServerInfoQuery,
    status: 200,
    answer: Anything,
  },
  {
    method: "get",
    path: "/readyz",
    id: "ready",
    summary: "Whether it takes work; 503 when not.",
    status: 200,
    answer: Anything,
  },
];
