import type { MetricPoint } from "./metrics_store.ts";
import type { StepTable } from "./step_table.ts";

/** Which rows of which column, and how many points at most. */
export interface BucketQuery {
  column: string;
  /** Inclusive. */
  from: number;
  to: number;
  points: number;
  /** The job's axis step is its step and this. */
  axisOffset: number;
  /** Whether rows without a figure are points too: gaps in the line. */
  gaps: boolean;
}

/**
 * A column as at most `points` points. Up to that many rows are points of their own; beyond, steps
 * fall into buckets that keep their smallest and largest figure, so that no spike is lost. A bucket
 * is 2^k steps wide and begins at a multiple of its width: its edges depend on the range alone, and
 * a range that grows moves none of them until the width doubles. A point lies where its last row is.
 */
export function bucketColumn(table: StepTable, query: BucketQuery): MetricPoint[] {
  const column = table.columns.get(query.column);
  if (!column || query.from > query.to) return [];
  const begin = table.indexOf(query.from);
  const end = table.indexOf(query.to + 1);
  let rows = 0;
  for (let at = begin; at < end && rows <= query.points; at++) {
    if (query.gaps || !Number.isNaN(column[at]!)) rows++;
  }
  const width = rows <= query.points ? 1 : bucketWidth(query.from, query.to, query.points);
  const points: MetricPoint[] = [];
  let bucket = -1;
  let point: MetricPoint | undefined;
  for (let at = begin; at < end; at++) {
    const figure = Number.isNaN(column[at]!) ? null : column[at]!;
    if (figure === null && !query.gaps) continue;
    const step = table.steps[at]!;
    const index = Math.floor(step / width);
    if (!point || index !== bucket) {
      bucket = index;
      point = { step, axis_step: 0, ts: 0, epoch: 0, min: figure, max: figure, last: figure };
      points.push(point);
    }
    point.step = step;
    point.axis_step = step + query.axisOffset;
    point.ts = table.times[at]!;
    point.epoch = table.epochs[at]!;
    point.last = figure;
    if (figure === null) continue;
    if (point.min === null || figure < point.min) point.min = figure;
    if (point.max === null || figure > point.max) point.max = figure;
  }
  return points;
}

/** The smallest power of two that cuts [from, to] into at most `points` aligned buckets. */
function bucketWidth(from: number, to: number, points: number): number {
  let width = 1;
  while (Math.floor(to / width) - Math.floor(from / width) + 1 > points) {
    width *= 2;
    if (width > to) break;
  }
  return width;
}
