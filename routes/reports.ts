import { Hono } from "hono";
import { NotFoundError } from "../jobs/errors.ts";
import type { ExportManifest } from "../runtime/protocol/export.ts";
import type { ReportRecord } from "../runtime/protocol/report.ts";
import type { AppDeps } from "./app_deps.ts";
import { parseQuery } from "./parse.ts";
import { sendFile } from "./send_file.ts";
import { CompareQuery, HistoryQuery, ReportRowsQuery } from "./schemas.ts";

/** What was found out about a job's samples: reports, selections, exports. */
export function reportRoutes({ jobs }: AppDeps): Hono {
  const { inspection } = jobs;
  return new Hono()
    .get("/jobs/:id/reports", async (c) => {
      const items = (await inspection.reports(c.req.param("id"))).map(reportView);
      return c.json({ items, next_cursor: null });
    })
    .get("/jobs/:id/reports/:report/compare", async (c) => {
      const { id: job, report } = c.req.param();
      const { with: other, job: otherJob = job, cursor, ...page } = parseQuery(c, CompareQuery);
      const compared = { job: otherJob, report: other };
      const query = { ...page, cursor: cursor?.toString() };
      return c.json(await inspection.compare(job, numberOf(report), compared, query));
    })
    .get("/jobs/:id/history", async (c) => {
      const { cursor, ...query } = parseQuery(c, HistoryQuery);
      const page = { ...query, cursor: cursor?.toString() };
      return c.json(await inspection.history(c.req.param("id"), page));
    })
    .get("/jobs/:id/exports", async (c) => {
      const items = (await inspection.exports(c.req.param("id"))).map(exportView);
      return c.json({ items, next_cursor: null });
    })
    .get("/jobs/:id/exports/:export", async (c) => {
      const number = numberOf(c.req.param("export"), "export");
      const { path: _, ...manifest } = await inspection.export(c.req.param("id"), number);
      return c.json(exportView(manifest));
    })
    .get("/jobs/:id/exports/:export/content", async (c) => {
      const number = numberOf(c.req.param("export"), "export");
      const { path, name, bytes, sha256 } = await inspection.export(c.req.param("id"), number);
      const { run_name } = await jobs.get(c.req.param("id"));
      return await sendFile(c, { path, bytes, sha256, name: `${run_name}-${name}` });
    })
    .get("/jobs/:id/selections/:sha256", async (c) => {
      return c.json(await inspection.selection(c.req.param("id"), c.req.param("sha256")));
    })
    .get("/jobs/:id/reports/:report", async (c) => {
      const report = await inspection.report(c.req.param("id"), numberOf(c.req.param("report")));
      return c.json(reportView(report));
    })
    .get("/jobs/:id/reports/:report/rows", async (c) => {
      const query = parseQuery(c, ReportRowsQuery);
      return c.json(
        await inspection.rows(c.req.param("id"), numberOf(c.req.param("report")), query),
      );
    });
}

/** A report as the API shows it: with its address. */
function reportView(report: ReportRecord) {
  const self = `/jobs/${report.job}/reports/${report.report}`;
  return { ...report, links: { self, rows: `${self}/rows` } };
}

/** A manifest as the API shows it: with its address and its file's. */
function exportView(manifest: ExportManifest) {
  const self = `/jobs/${manifest.job}/exports/${manifest.export}`;
  return { ...manifest, links: { self, content: `${self}/content` } };
}

function numberOf(text: string, what = "report"): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new NotFoundError(what, text);
}
