import { setImmediate } from "node:timers";
import { type Context, Hono } from "hono";
import type { MetricTable } from "../jobs/events/metric_table.ts";
import type { MetricAnswer } from "../jobs/events/metrics_store.ts";
import { UnprocessableError } from "../jobs/errors.ts";
import type { AppDeps } from "./app_deps.ts";
import { parseQuery } from "./parse.ts";
import { MetricsQuery } from "./schemas.ts";

const COLUMNS = ["step", "axis_step", "ts", "epoch", "min", "max", "last"] as const;

/** Series of a job in min/max buckets, as JSON or CSV; and all its figures as a table. */
export function metricRoutes({ jobs, log, metrics }: AppDeps): Hono {
  return new Hono().get("/jobs/:id/metrics.csv", async (c) => {
    const { id, run_name } = await jobs.get(c.req.param("id"));
    return c.body(ReadableStream.from(lines(metrics.table(id))), 200, {
      "Content-Type": "text/csv; charset=utf-8",
      "Content-Disposition": `attachment; filename="${run_name.replace(/[^\w.-]/g, "_")}.csv"`,
    });
  }).get("/jobs/:id/metrics", async (c) => {
    const { id } = await jobs.get(c.req.param("id"));
    const { series, from, to, points, format } = parseQuery(c, MetricsQuery);
    if (from !== undefined && to !== undefined && from > to) {
      throw new UnprocessableError("from", "from: expected at most to");
    }
    const names = [...new Set(series.split(",").map((name) => name.trim()))];
    const answer = metrics.query(id, { series: names.filter(Boolean), from, to, points });
    if ((format ?? preferred(c)) === "csv") {
      return c.body(csv(answer), 200, {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": `attachment; filename="${id}-metrics.csv"`,
      });
    }
    return c.json({ ...answer, last_event_id: `${log.id}-${answer.last_event_seq}` });
  });
}

function preferred(c: Context): "json" | "csv" {
  return (c.req.header("Accept") ?? "").includes("text/csv") ? "csv" : "json";
}

/** Rows that go out at once: a long run's table neither fills the memory nor holds the server up. */
const ROWS_AT_ONCE = 500;

/** One row a step. Awaited between its parts, so that others are answered meanwhile. */
async function* lines({ columns, rows }: MetricTable): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  let part = [columns.map(quoted).join(",")];
  for (const row of rows()) {
    part.push(row.map((value) => value ?? "").join(","));
    if (part.length < ROWS_AT_ONCE) continue;
    yield encoder.encode(`${part.join("\r\n")}\r\n`);
    part = [];
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  if (part.length > 0) yield encoder.encode(`${part.join("\r\n")}\r\n`);
}

/** One row a bucket, the series' name first. */
function csv(answer: MetricAnswer): string {
  const rows = Object.entries(answer.series).flatMap(([name, points]) =>
    points.map((point) => [quoted(name), ...COLUMNS.map((column) => point[column] ?? "")].join(","))
  );
  return [`series,${COLUMNS.join(",")}`, ...rows, ""].join("\r\n");
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
