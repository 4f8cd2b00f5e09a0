import { EventTable } from "./event_table.ts";
import { EventTail } from "./event_tail.ts";

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
  /**
   * Where the log begins: no event from here on was pruned, so only a cursor below `oldestSeq - 1`
   * has lost something. Nothing prunes yet, and it is 1. A deleted job leaves gaps in the numbers,
   * which are no loss to anyone and do not move it.
   */
  readonly oldestSeq: number;
  /**
   * Numbers an event and queues it; it is committed within a few milliseconds. The number is final.
   * `urgent` commits in this turn of the event loop: any event but trainStep.
   */
  append(event: Omit<LoggedEvent, "seq">, urgent?: boolean): number;
  /**
   * Resolves when everything appended before the call is durable. Rejects with the disk's error
   * when a commit fails; the events stay queued, and a later commit may still make them durable.
   */
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
  /** Resolves when there is a durable event after `after`, the signal aborts, or the log closes. */
  changed(after: number, signal: AbortSignal): Promise<void>;
  /** Removes a job's events: from every answer at once, from the disk piece by piece. */
  forget(job: string): void;
  /** Commits what is queued and closes the file. Rejects if the disk refuses it. */
  close(): Promise<void>;
}

/** How a log tells of trouble that no caller waits for. */
export interface EventLogOptions {
  /** Called at each failed commit; the events stay queued and the commit is tried again. */
  onError?: (error: unknown) => void;
}

/** Milliseconds that events which are not urgent may wait for company. */
const GROUP_MS = 2;
/** A slow disk gets at most half of the process's time, and a reader waits at most this long. */
const GROUP_MS_MAX = 20;
const RETRY_MS = [50, 200, 1000];
const SWEEP_ROWS = 1000;

/**
 * Opens the event log in this file, or one in memory.
 *
 * @throws {Error} when the file is no event log, has a newer schema, or is open elsewhere.
 */
export function openEventLog(path: string | ":memory:", options: EventLogOptions = {}): EventLog {
  return new SqliteEventLog(new EventTable(path), options);
}

type Timer = ReturnType<typeof setTimeout>;

class SqliteEventLog implements EventLog {
  readonly id: string;
  readonly oldestSeq: number;
  #lastSeq: number;
  #nextSeq: number;
  #queue: LoggedEvent[] = [];
  readonly #tail: EventTail;
  #timer: Timer | null = null;
  #urgent = false;
  #failures = 0;
  #groupMs = GROUP_MS;
  #commitWaiters: { resolve: () => void; reject: (error: unknown) => void }[] = [];
  readonly #readers = new Set<{ after: number; wake: () => void }>();
  #sweeper: Timer | null = null;
  #closed = false;

  constructor(readonly table: EventTable, readonly options: EventLogOptions) {
    this.id = table.id;
    this.oldestSeq = table.oldestSeq;
    this.#lastSeq = table.lastSeq;
    this.#nextSeq = table.lastSeq + 1;
    this.#tail = new EventTail(table.lastSeq);
    if (table.sweepable) this.#sweepLater();
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  append(event: Omit<LoggedEvent, "seq">, urgent = event.type !== "trainStep"): number {
    if (this.#closed) throw new Error("the event log is closed");
    // One bad row would keep every later one from the disk.
    if (!Number.isSafeInteger(event.take) || !Number.isSafeInteger(event.step)) {
      throw new RangeError(`take ${event.take} and step ${event.step} must be integers`);
    }
    const seq = this.#nextSeq++;
    const { job, session, type, take, step, data } = event;
    this.#queue.push({ seq, job, session, type, take, step, data });
    if (this.#failures === 0) this.#schedule(urgent);
    return seq;
  }

  durable(): Promise<void> {
    if (this.#queue.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => this.#commitWaiters.push({ resolve, reject }));
  }

  read(filter: EventFilter, after: number, limit: number): LoggedEvent[] {
    return (after < this.#tail.after ? this.table : this.#tail).read(filter, after, limit);
  }

  newest(job: string, types: readonly string[]): LoggedEvent | null {
    return this.table.newest(job, types);
  }

  trainStep(job: string, take: number, step: number): LoggedEvent | null {
    return this.#queued(job, take, "trainStep").findLast((event) => event.step === step) ??
      this.table.at(job, take, step, "trainStep");
  }

  lastStep(job: string, take: number): number {
    return this.#queued(job, take, "trainStep")
      .reduce((last, event) => Math.max(last, event.step), this.table.lastStep(job, take));
  }

  has(job: string, take: number, step: number, type: string): boolean {
    return this.#queued(job, take, type).some((event) => event.step === step) ||
      this.table.at(job, take, step, type) !== null;
  }

  changed(after: number, signal: AbortSignal): Promise<void> {
    if (this.#lastSeq > after || signal.aborted || this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      const reader = {
        after,
        wake: () => {
          this.#readers.delete(reader);
          signal.removeEventListener("abort", reader.wake);
          resolve();
        },
      };
      this.#readers.add(reader);
      signal.addEventListener("abort", reader.wake);
    });
  }

  forget(job: string): void {
    this.#queue = this.#queue.filter((event) => event.job !== job);
    this.#tail.forget(job);
    this.table.forget(job, this.#nextSeq - 1);
    if (this.#queue.length === 0) this.#settle(null);
    this.#sweepLater();
  }

  close(): Promise<void> {
    return Promise.try(() => this.#close());
  }

  #close(): void {
    if (this.#closed) return;
    this.#commit();
    this.#closed = true;
    for (const timer of [this.#timer, this.#sweeper]) if (timer !== null) clearTimeout(timer);
    for (const reader of [...this.#readers]) reader.wake();
    this.table.close();
    if (this.#queue.length > 0) throw new Error(`${this.#queue.length} events were not written`);
  }

  #queued(job: string, take: number, type: string): LoggedEvent[] {
    return this.#queue.filter((event) =>
      event.job === job && event.take === take && event.type === type
    );
  }

  #schedule(urgent: boolean): void {
    if (urgent && !this.#urgent) {
      this.#urgent = true;
      queueMicrotask(() => this.#urgent && this.#commit());
    } else if (!urgent && this.#timer === null) {
      this.#timer = setTimeout(() => this.#commit(), this.#groupMs);
    }
  }

  #commit(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#urgent = false;
    if (this.#queue.length === 0) this.#failures = 0;
    if (this.#queue.length === 0 || this.#closed) return;
    const began = performance.now();
    try {
      this.table.insert(this.#queue);
    } catch (error) {
      const delay = RETRY_MS[Math.min(this.#failures++, RETRY_MS.length - 1)]!;
      this.#timer = setTimeout(() => this.#commit(), delay);
      this.#settle(error);
      this.options.onError?.(error);
      return;
    }
    this.#failures = 0;
    this.#groupMs = Math.min(GROUP_MS_MAX, Math.max(GROUP_MS, performance.now() - began));
    this.#publish();
    this.#settle(null);
  }

  /** Shows the queue, now durable, to readers. */
  #publish(): void {
    this.#tail.push(this.#queue);
    this.#lastSeq = this.#queue.at(-1)!.seq;
    this.#queue = [];
    for (const reader of [...this.#readers]) if (reader.after < this.#lastSeq) reader.wake();
  }

  #settle(error: unknown): void {
    const waiters = this.#commitWaiters;
    this.#commitWaiters = [];
    for (const waiter of waiters) error === null ? waiter.resolve() : waiter.reject(error);
  }

  #sweepLater(): void {
    this.#sweeper ??= setTimeout(() => {
      this.#sweeper = null;
      try {
        if (this.table.sweep(SWEEP_ROWS)) this.#sweepLater();
      } catch (error) {
        this.options.onError?.(error);
      }
    }, GROUP_MS);
  }
}
