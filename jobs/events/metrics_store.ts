import type { EventLog } from "./event_log.ts";
import { JobSeries, SERIES_TYPES } from "./job_series.ts";
import { bucketColumn } from "./metric_buckets.ts";
import { type MetricTable, metricTable } from "./metric_table.ts";

/** One bucket of a series: the extremes of its points, and where the last of them lies. */
export interface MetricPoint {
  step: number;
  axis_step: number;
  ts: number;
  epoch: number;
  min: number | null;
  max: number | null;
  last: number | null;
}

/** Which points of which series: an inclusive range of steps, and how many buckets at most. */
export interface MetricQuery {
  series: readonly string[];
  from?: number | undefined;
  to?: number | undefined;
  points: number;
}

/** The answer to a metric query. Same query, same log, same answer. */
export interface MetricAnswer {
  job: string;
  series: Record<string, MetricPoint[]>;
  available: string[];
  first_step: number | null;
  last_step: number | null;
  last_event_seq: number;
}

/**
 * Loss series and their like, in columns, newest take of each step: every number of a trainStep,
 * `val_loss`, `val_accuracy` and `val_<metric>` of validations, `test_loss` and its like of tests on
 * `test`.
 */
export interface MetricsStore {
  /**
   * Points of the named series (one that is not available is empty) up to the newest durable event,
   * `last_event_seq`. The range is cut to the steps there are. A step without a figure is no point,
   * but in `loss`, where it is a loss that was not finite.
   */
  query(job: string, query: MetricQuery): MetricAnswer;
  /** Every figure of every step up to the newest durable event. */
  table(job: string): MetricTable;
  forget(job: string): void;
}

/** Bytes of columns kept, by default. */
const CACHE_BYTES = 128 * 2 ** 20;
/** What a job without figures counts for, so that those are bounded too. */
const ENTRY_BYTES = 4096;
const PAGE = 4096;

/** Metrics of this log, cached for the jobs that were asked for last. */
export function createMetricsStore(
  log: Pick<EventLog, "read" | "lastSeq">,
  options: { cacheBytes?: number } = {},
): MetricsStore {
  return new CachedMetrics(log, options.cacheBytes ?? CACHE_BYTES);
}

class CachedMetrics implements MetricsStore {
  /** In the order in which they were asked for, newest last. */
  readonly #jobs = new Map<string, JobSeries>();

  constructor(
    readonly log: Pick<EventLog, "read" | "lastSeq">,
    readonly cacheBytes: number,
  ) {}

  query(job: string, query: MetricQuery): MetricAnswer {
    const series = this.#caughtUp(job);
    const { first, last } = rangeOf(series);
    const range = {
      from: Math.max(query.from ?? 0, first ?? 0),
      to: Math.min(query.to ?? Infinity, last ?? -1),
      points: Math.max(1, query.points),
      axisOffset: series.axisOffset,
    };
    const answered = query.series.map((name) => {
      const table = series.tableOf(name);
      const gaps = name === "loss";
      return [name, table ? bucketColumn(table, { ...range, column: name, gaps }) : []] as const;
    });
    return {
      job,
      series: Object.fromEntries(answered),
      available: series.available(),
      first_step: first,
      last_step: last,
      last_event_seq: series.seq,
    };
  }

  table(job: string): MetricTable {
    return metricTable(this.#caughtUp(job));
  }

  forget(job: string): void {
    this.#jobs.delete(job);
  }

  #caughtUp(job: string): JobSeries {
    const series = this.#jobs.get(job) ?? new JobSeries();
    this.#jobs.delete(job);
    this.#jobs.set(job, series);
    const lastSeq = this.log.lastSeq;
    for (;;) {
      const events = this.log.read({ job, types: SERIES_TYPES }, series.seq, PAGE);
      for (const event of events) series.add(event);
      series.seq = events.at(-1)?.seq ?? lastSeq;
      if (events.length === 0) break;
    }
    this.#evict();
    return series;
  }

  #evict(): void {
    let bytes = 0;
    for (const series of this.#jobs.values()) bytes += ENTRY_BYTES + series.bytes;
    for (const [job, series] of this.#jobs) {
      if (bytes <= this.cacheBytes || this.#jobs.size === 1) return;
      bytes -= ENTRY_BYTES + series.bytes;
      this.#jobs.delete(job);
    }
  }
}

/** First and last step with a figure, or null where there is none. */
function rangeOf({ train, validation, test }: JobSeries) {
  const tables = [train, validation, test].filter((table) => table.length > 0);
  if (tables.length === 0) return { first: null, last: null };
  return {
    first: Math.min(...tables.map((table) => table.steps[0]!)),
    last: Math.max(...tables.map((table) => table.lastStep!)),
  };
}
