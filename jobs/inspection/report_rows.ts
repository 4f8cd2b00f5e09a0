import type { ColumnName, ReportRecord } from "../../runtime/protocol/report.ts";
import { rank } from "../../runtime/protocol/ranking.ts";
import type { Page } from "../control_plane.ts";
import { UnprocessableError } from "../errors.ts";
import type { ReportStore } from "./report_store.ts";

/** Which rows of a report, in which order. */
export interface RowsQuery {
  /** A column; with `-` before it from the largest down. NaN comes last either way. */
  sort: string;
  limit: number;
  cursor?: string | undefined;
}

/** A row by column name; what is not finite is null. */
export type ReportRow = { row: number } & { [C in ColumnName]?: number | null };

/**
 * A page of a report's rows. `row` is the position in the report. A report never changes, so that
 * pages that follow each other's cursor have every row once.
 *
 * @throws {UnprocessableError} for a column that the report has not, or a cursor that is none.
 */
export async function reportRows(
  reports: ReportStore,
  record: ReportRecord,
  { sort, limit, cursor }: RowsQuery,
): Promise<Page<ReportRow>> {
  const first = cursor === undefined ? 0 : Number(cursor);
  if (!Number.isSafeInteger(first) || first < 0) {
    throw new UnprocessableError("cursor", `cursor: ${cursor} is none of this list's`);
  }
  const order = await orderOf(reports, record, sort);
  const rows = order.subarray(first, first + limit);
  const next = first + rows.length;
  return {
    items: await rowsAt(reports, record, rows),
    next_cursor: next < record.samples ? String(next) : null,
  };
}

/** The rows at these positions, with every column there is. */
export async function rowsAt(
  reports: ReportStore,
  record: ReportRecord,
  rows: Int32Array,
): Promise<ReportRow[]> {
  const items = Array.from(rows, (row): ReportRow => ({ row }));
  for (const { name } of record.columns) {
    const values = await reports.values(record, name, rows);
    values.forEach((value, at) => items[at]![name] = Number.isFinite(value) ? value : null);
  }
  return items;
}

async function orderOf(
  reports: ReportStore,
  record: ReportRecord,
  sort: string,
): Promise<Int32Array> {
  const descends = sort.startsWith("-");
  const name = descends ? sort.slice(1) : sort;
  const known = record.columns.map((column) => column.name);
  if (!known.some((column) => column === name)) {
    throw new UnprocessableError("sort", `sort: the report has no column ${name}`, { known });
  }
  const values = Float32Array.from((await reports.column(record, name as ColumnName))!);
  return rank(descends ? values.map((value) => -value) : values);
}
