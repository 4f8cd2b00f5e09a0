/** One bucket of a series: the extremes of its points and where they lie. */
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

/** Loss series and their like, in columns, newest take of each step. */
export interface MetricsStore {
  query(job: string, query: MetricQuery): MetricAnswer;
  forget(job: string): void;
}
