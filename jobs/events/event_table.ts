import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { EventFilter, LoggedEvent } from "./event_log.ts";
import { openEventDatabase, TRAIN_STEP } from "./event_schema.ts";

type Row = [
  seq: number,
  job: number,
  session: number,
  type: number,
  take: number,
  step: number,
  data: string,
];
/** Arrays are read 1.5 times faster than objects; the method is Node 24's and not in the types. */
type ArrayStatement = StatementSync & { setReturnArrays(enabled: boolean): void };
type NameKind = "job" | "session" | "type";

const COLUMNS = "seq, job, session, type, take, step, data";

/**
 * The event table of one SQLite file: statements, and the names (jobs, sessions, types) that rows
 * hold as numbers. What it answers is committed; `EventLog` adds what is still queued.
 */
export class EventTable {
  readonly id: string;
  readonly oldestSeq: number;
  readonly lastSeq: number;
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #numbers = new Map<string, number>();
  readonly #texts: string[] = [];
  #unsaved: { id: number; kind: NameKind; text: string }[] = [];
  readonly #forgotten = new Set<number>();

  /** @throws {Error} when the file is no event log, of a newer schema, or open elsewhere. */
  constructor(path: string) {
    const { db, meta } = openEventDatabase(path);
    this.#db = db;
    this.id = meta.id;
    this.oldestSeq = meta.oldestSeq;
    const newest = this.#get("SELECT coalesce(max(seq), 0) FROM event") as [number];
    this.lastSeq = Math.max(newest[0], meta.lastSeq);
    const names = this.#all("SELECT id, kind, text FROM name") as [number, string, string][];
    for (const [id, kind, text] of names) {
      this.#texts[id] = text;
      if (kind === "forgotten") this.#forgotten.add(id);
      else this.#numbers.set(`${kind} ${text}`, id);
    }
  }

  /** Writes rows in one transaction: all of them are durable when it returns, or none is there. */
  insert(events: readonly LoggedEvent[]): void {
    const add = this.#statement(`INSERT INTO event (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)`);
    this.#transaction(() => {
      for (const event of events) {
        const job = this.#number("job", event.job);
        const session = this.#number("session", event.session);
        const type = this.#number("type", event.type);
        add.run(event.seq, job, session, type, event.take, event.step, event.data);
      }
      const name = this.#statement("INSERT INTO name (id, kind, text) VALUES (?, ?, ?)");
      for (const { id, kind, text } of this.#unsaved) name.run(id, kind, text);
    });
    this.#unsaved = [];
  }

  /** Rows after `after` that the filter takes, ascending, at most `limit`. */
  read(filter: EventFilter, after: number, limit: number): LoggedEvent[] {
    for (let from = after;;) {
      const rows = this.#rows(filter, from, limit);
      const events = rows.filter((row) => !this.#forgotten.has(row[1])).map((row) =>
        this.#event(row)
      );
      // A page of nothing but rows that wait for deletion is not the end of the log.
      if (events.length > 0 || rows.length === 0) return events;
      from = rows.at(-1)![0];
    }
  }

  /** Newest row of a job of one of these types. */
  newest(job: string, types: readonly string[]): LoggedEvent | null {
    const jobNumber = this.#known("job", job);
    if (jobNumber === undefined) return null;
    let newest: Row | null = null;
    for (const type of this.#typeNumbers(types)) {
      const index = type === TRAIN_STEP ? "event_job" : "event_kind";
      const rare = type === TRAIN_STEP ? "" : `AND type <> ${TRAIN_STEP}`;
      const row = this.#get(
        `SELECT ${COLUMNS} FROM event INDEXED BY ${index}
         WHERE job = ? AND type = ? ${rare} ORDER BY seq DESC LIMIT 1`,
        jobNumber,
        type,
      ) as Row | undefined;
      if (row && row[0] > (newest?.[0] ?? 0)) newest = row;
    }
    return newest && this.#event(newest);
  }

  /** Newest row at (job, take, step) of this type. */
  at(job: string, take: number, step: number, type: string): LoggedEvent | null {
    const jobNumber = this.#known("job", job);
    const typeNumber = this.#known("type", type);
    if (jobNumber === undefined || typeNumber === undefined) return null;
    const row = this.#get(
      `SELECT ${COLUMNS} FROM event INDEXED BY event_step
       WHERE job = ? AND take = ? AND step = ? AND type = ? ORDER BY seq DESC LIMIT 1`,
      jobNumber,
      take,
      step,
      typeNumber,
    ) as Row | undefined;
    return row ? this.#event(row) : null;
  }

  /** Greatest step with a trainStep of (job, take); 0 when there is none. */
  lastStep(job: string, take: number): number {
    const jobNumber = this.#known("job", job);
    if (jobNumber === undefined) return 0;
    const row = this.#get(
      `SELECT step FROM event INDEXED BY event_step
       WHERE job = ? AND take = ? AND type = ${TRAIN_STEP} ORDER BY step DESC LIMIT 1`,
      jobNumber,
      take,
    ) as [number] | undefined;
    return row?.[0] ?? 0;
  }

  /** Takes a job's rows out of every answer at once; `sweep` deletes them piece by piece. */
  forget(job: string, lastSeq: number): void {
    const id = this.#known("job", job);
    if (id === undefined) return;
    this.#transaction(() => {
      this.#statement("UPDATE name SET kind = 'forgotten', text = text || ' ' || id WHERE id = ?")
        .run(id);
      // The newest rows may be among those that go, and their numbers must not come again.
      this.#statement("INSERT OR REPLACE INTO meta (key, value) VALUES ('last_seq', ?)")
        .run(String(lastSeq));
    });
    this.#numbers.delete(`job ${job}`);
    this.#forgotten.add(id);
  }

  /** Whether rows of forgotten jobs may be left. */
  get sweepable(): boolean {
    return this.#forgotten.size > 0;
  }

  /** Deletes at most `limit` rows of forgotten jobs; answers whether some are left. */
  sweep(limit: number): boolean {
    for (const id of this.#forgotten) {
      const gone = this.#statement(
        `DELETE FROM event WHERE seq IN
         (SELECT seq FROM event INDEXED BY event_job WHERE job = ? LIMIT ?)`,
      ).run(id, limit);
      if (Number(gone.changes) === limit) return true;
      this.#statement("DELETE FROM name WHERE id = ?").run(id);
      this.#forgotten.delete(id);
    }
    return false;
  }

  close(): void {
    this.#statements.clear();
    this.#db.close();
  }

  #rows(filter: EventFilter, after: number, limit: number): Row[] {
    const job = filter.job === undefined ? undefined : this.#known("job", filter.job);
    const session = filter.session === undefined
      ? undefined
      : this.#known("session", filter.session);
    if (filter.job !== undefined && job === undefined) return [];
    if (filter.session !== undefined && session === undefined) return [];
    const types = filter.types && this.#typeNumbers(filter.types);
    if (types?.length === 0) return [];
    const conditions = ["seq > ?"];
    const values = [after];
    if (job !== undefined) conditions.push("job = ?"), values.push(job);
    if (session !== undefined) conditions.push("session = ?"), values.push(session);
    if (types && !types.includes(TRAIN_STEP)) {
      // Rare types lie far apart: one index walk for each, merged, never a scan over all steps.
      const index = job === undefined ? "event_type" : "event_kind";
      const from = `event INDEXED BY ${index} WHERE type = ? AND type <> ${TRAIN_STEP}`;
      return types.flatMap((type) => this.#select(from, conditions, [type, ...values], limit))
        .sort((a, b) => a[0] - b[0]).slice(0, limit);
    }
    if (types) conditions.push(`type IN (${types.join(", ")})`);
    const from = job !== undefined
      ? "event INDEXED BY event_job"
      : session !== undefined
      ? "event INDEXED BY event_session"
      : "event NOT INDEXED";
    return this.#select(`${from} WHERE true`, conditions, values, limit);
  }

  #select(from: string, conditions: string[], values: number[], limit: number): Row[] {
    return this.#all(
      `SELECT ${COLUMNS} FROM ${from} AND ${conditions.join(" AND ")} ORDER BY seq LIMIT ?`,
      ...values,
      limit,
    ) as Row[];
  }

  #event(row: Row): LoggedEvent {
    const [seq, job, session, type, take, step, data] = row;
    const text = this.#texts;
    return { seq, job: text[job]!, session: text[session]!, type: text[type]!, take, step, data };
  }

  #typeNumbers(types: readonly string[]): number[] {
    return [...new Set(types)].map((type) => this.#known("type", type)).filter((n) =>
      n !== undefined
    );
  }

  #known(kind: NameKind, text: string): number | undefined {
    return this.#numbers.get(`${kind} ${text}`);
  }

  #number(kind: NameKind, text: string): number {
    const known = this.#known(kind, text);
    if (known !== undefined) return known;
    const id = this.#texts.push(text) - 1;
    this.#numbers.set(`${kind} ${text}`, id);
    this.#unsaved.push({ id, kind, text });
    return id;
  }

  #transaction(work: () => void): void {
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      work();
      this.#db.exec("COMMIT");
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  #get(sql: string, ...values: number[]): unknown {
    return this.#statement(sql).get(...values);
  }

  #all(sql: string, ...values: number[]): unknown[] {
    return this.#statement(sql).all(...values);
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#db.prepare(sql);
      (statement as ArrayStatement).setReturnArrays(true);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}
