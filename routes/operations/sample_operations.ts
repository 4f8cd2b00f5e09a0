import { z } from "zod";
import { StoredRule } from "../../jobs/inspection/stored_selection.ts";
import { ExportManifest } from "../../runtime/protocol/export.ts";
import { COLUMN_NAMES, ReportRecord } from "../../runtime/protocol/report.ts";
import { SuspectItem, SuspectsRecord } from "../../runtime/protocol/suspects.ts";
import { CompareQuery, HistoryQuery, ReportRowsQuery, SuspectItemsQuery } from "../schemas.ts";
import { Anything, links, type Operation, pageOf } from "./operation.ts";

const Export = z.object({ ...ExportManifest.shape, links });
const Report = z.object({ ...ReportRecord.shape, links });
const Search = z.object({ ...SuspectsRecord.shape, links });
const ReportRow = z.object({
  row: z.number(),
  ...Object.fromEntries(COLUMN_NAMES.map((name) => [name, z.number().nullable().optional()])),
});

/** What a model makes of each sample. */
export const SAMPLE_OPERATIONS: readonly Operation[] = [
  {
    method: "get",
    path: "/jobs/:id/reports/:report/compare",
    id: "compareReports",
    summary: "Two reports side by side: what got better, what got worse.",
    query: CompareQuery,
    status: 200,
    answer: Anything,
  },
  {
    method: "get",
    path: "/jobs/:id/history",
    id: "getHistory",
    summary: "How samples moved over the job's reports.",
    query: HistoryQuery,
    status: 200,
    answer: Anything,
  },
  {
    method: "get",
    path: "/jobs/:id/exports",
    id: "listExports",
    summary: "Exports of a job's samples, newest first.",
    status: 200,
    answer: pageOf(Export),
  },
  {
    method: "get",
    path: "/jobs/:id/exports/:export",
    id: "getExport",
    summary: "The manifest of an export.",
    status: 200,
    answer: Export,
  },
  {
    method: "get",
    path: "/jobs/:id/exports/:export/content",
    id: "getExportContent",
    summary: "The file of an export, or a range of it.",
    status: 200,
    answerTypes: ["application/octet-stream"],
  },
  {
    method: "get",
    path: "/jobs/:id/selections/:sha256",
    id: "getSelection",
    summary: "A selection that was tried, with what it is about.",
    status: 200,
    answer: StoredRule,
  },
  {
    method: "get",
    path: "/jobs/:id/suspects",
    id: "listSearches",
    summary: "Searches for suspects, newest first.",
    status: 200,
    answer: pageOf(Search),
  },
  {
    method: "get",
    path: "/jobs/:id/suspects/:run",
    id: "getSearch",
    summary: "One search: what was looked for, how, and how many were found.",
    status: 200,
    answer: Search,
  },
  {
    method: "get",
    path: "/jobs/:id/suspects/:run/items",
    id: "listSuspects",
    summary: "The suspects of a search, the most suspect of each kind first.",
    query: SuspectItemsQuery,
    status: 200,
    answer: pageOf(SuspectItem),
  },
  {
    method: "get",
    path: "/jobs/:id/reports",
    id: "listReports",
    summary: "Reports of a job's samples, newest first.",
    status: 200,
    answer: pageOf(Report),
  },
  {
    method: "get",
    path: "/jobs/:id/reports/:report",
    id: "getReport",
    summary: "One report: its distribution and its groups.",
    status: 200,
    answer: Report,
  },
  {
    method: "get",
    path: "/jobs/:id/reports/:report/rows",
    id: "listReportRows",
    summary: "Samples of a report, sorted by a column.",
    query: ReportRowsQuery,
    status: 200,
    answer: pageOf(ReportRow),
  },
];
