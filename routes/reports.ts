import { Hono } from "hono";
import { NotFoundError } from "../jobs/errors.ts";
import type { ReportRecord } from "../runtime/protocol/report.ts";
import type { AppDeps } from "./app_deps.ts";
import { parseQuery } from "./parse.ts";
import { ReportRowsQuery } from "./schemas.ts";

/** Reports of a job's samples: the list, each one, and its rows. */
export function reportRoutes({ jobs: { inspection } }: AppDeps): Hono {
  return new Hono()
    .get("/jobs/:id/reports", async (c) => {
      const items = (await inspection.reports(c.req.param("id"))).map(reportView);
      return c.json({ items, next_cursor: null });
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

function numberOf(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new NotFoundError("report", text);
}
