/** One numbered record in the log. `data` is the JSON that subscribers get, already encoded. */
export interface LoggedEvent {
  /** Global over the whole log, from 1, without gaps while the log is not pruned. */
  seq: number;
  job: string;
  session: string;
  type: string;
  take: number;
  /** The job's own step when it happened. */
  step: number;
  /** JSON text of an object: the wire's own fields and job, session, take, ts. */
  data: string;
}

/** Which events a cursor reads. */
export interface EventFilter {
  job?: string | undefined;
  session?: string | undefined;
  types?: readonly string[] | undefined;
}

/**
 * Numbered durable events (SQLite, WAL, group commit). An append only wakes subscribers; each
 * reads the log behind a cursor of its own, so a slow reader can neither slow nor lose anything.
 */
export interface EventLog {
  /** Names this log in SSE ids: 8 hex digits, fixed when the file is made. */
  readonly id: string;
  /** Number of the newest durable event; 0 when there is none. */
  readonly lastSeq: number;
  /** Number of the oldest event still there. */
  readonly oldestSeq: number;
  /**
   * Numbers an event and queues it; it is committed within a few milliseconds. The number is final.
   * `urgent` commits in this turn of the event loop: any event but trainStep.
   */
  append(event: Omit<LoggedEvent, "seq">, urgent?: boolean): number;
  /** Resolves when everything appended before the call is durable. Rejects if the disk refuses it. */
  durable(): Promise<void>;
  /** Durable events after `after`, ascending, at most `limit`. */
  read(filter: EventFilter, after: number, limit: number): LoggedEvent[];
  /** Newest durable event of a job of one of these types, or null. */
  newest(job: string, types: readonly string[]): LoggedEvent | null;
  /** The logged trainStep of (job, take, step), or null. Reads what is appended too, durable or not. */
  trainStep(job: string, take: number, step: number): LoggedEvent | null;
  /** Greatest step with a trainStep of (job, take); 0 when there is none. */
  lastStep(job: string, take: number): number;
  /** Whether (job, take, step) has an event of this type. */
  has(job: string, take: number, step: number, type: string): boolean;
  /** Resolves when there is an event after `after`, or when the signal aborts. */
  changed(after: number, signal: AbortSignal): Promise<void>;
  /** Removes a job's events. */
  forget(job: string): void;
  close(): Promise<void>;
}
