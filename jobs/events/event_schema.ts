import { DatabaseSync } from "node:sqlite";

/** Version of the tables below. */
export const EVENT_SCHEMA_VERSION = 1;

/** Number of the name `trainStep`, fixed because the partial indexes name it. */
export const TRAIN_STEP = 1;

/**
 * Rows are numbered by `seq`; job, session and type are numbers of `name`. `event_job` and
 * `event_session` serve cursors (an index ends in the row's number), `event_step` serves recovery,
 * and the partial ones, which cost a trainStep nothing, find rare types among many steps.
 * All of them together cost 1.5 us a row (`bench/event_log.ts`).
 */
const TABLES = `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  CREATE TABLE name (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, text TEXT NOT NULL, UNIQUE (kind, text)
  ) STRICT;
  CREATE TABLE event (
    seq INTEGER PRIMARY KEY, job INTEGER NOT NULL, session INTEGER NOT NULL, type INTEGER NOT NULL,
    take INTEGER NOT NULL, step INTEGER NOT NULL, data TEXT NOT NULL
  ) STRICT;
  CREATE INDEX event_job ON event (job);
  CREATE INDEX event_session ON event (session);
  CREATE INDEX event_step ON event (job, take, step, type);
  CREATE INDEX event_kind ON event (job, type) WHERE type <> ${TRAIN_STEP};
  CREATE INDEX event_type ON event (type) WHERE type <> ${TRAIN_STEP};
  INSERT INTO name (id, kind, text) VALUES (0, 'none', ''), (${TRAIN_STEP}, 'type', 'trainStep');
`;

/** What brings version n to n + 1, by n. */
const MIGRATIONS: Record<number, string> = {};

/** What the `meta` table holds. */
export interface EventMeta {
  id: string;
  oldestSeq: number;
  lastSeq: number;
}

/**
 * Opens the file of an event log, making or migrating it; a copy is kept before a migration.
 *
 * @throws {Error} when the file is no event log, has a newer schema, or is open elsewhere.
 */
export function openEventDatabase(path: string): { db: DatabaseSync; meta: EventMeta } {
  const db = new DatabaseSync(path);
  try {
    // Exclusive: two writers would give the same numbers twice.
    db.exec(
      "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL",
    );
    db.exec("BEGIN IMMEDIATE; COMMIT");
    if (!db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'meta'").get()) create(db);
    const meta = new Map(
      (db.prepare("SELECT key, value FROM meta").all() as { key: string; value: string }[])
        .map(({ key, value }) => [key, value]),
    );
    migrate(db, path, Number(meta.get("version")));
    return {
      db,
      meta: {
        id: meta.get("id") ?? "",
        oldestSeq: Number(meta.get("oldest_seq")),
        lastSeq: Number(meta.get("last_seq")),
      },
    };
  } catch (error) {
    db.close();
    const reason = error instanceof Error ? error.message : String(error);
    const hint = reason.includes("locked") ? "it is open in another process" : reason;
    throw new Error(`cannot open the event log ${path}: ${hint}`, { cause: error });
  }
}

function create(db: DatabaseSync): void {
  const id = crypto.getRandomValues(new Uint8Array(4)).toHex();
  db.exec(`BEGIN; ${TABLES}
    INSERT INTO meta (key, value) VALUES
      ('version', '${EVENT_SCHEMA_VERSION}'), ('id', '${id}'), ('oldest_seq', '1'), ('last_seq', '0');
    COMMIT`);
}

function migrate(db: DatabaseSync, path: string, found: number): void {
  if (!(found <= EVENT_SCHEMA_VERSION)) {
    throw new Error(
      `its schema is version ${found}, this program knows up to ${EVENT_SCHEMA_VERSION}`,
    );
  }
  if (found === EVENT_SCHEMA_VERSION) return;
  db.prepare("VACUUM INTO ?").run(`${path}.v${found}`);
  for (let version = found; version < EVENT_SCHEMA_VERSION; version++) {
    db.exec(`BEGIN; ${MIGRATIONS[version]};
      UPDATE meta SET value = '${version + 1}' WHERE key = 'version'; COMMIT`);
  }
}
