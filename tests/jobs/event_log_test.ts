import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { type EventLog, type LoggedEvent, openEventLog } from "../../jobs/events/event_log.ts";

function step(job: string, step: number, take = 1): Omit<LoggedEvent, "seq"> {
  return { job, session: `of-${job}`, type: "trainStep", take, step, data: `{"step":${step}}` };
}

function other(job: string, type: string, at = 0, take = 1): Omit<LoggedEvent, "seq"> {
  return { job, session: `of-${job}`, type, take, step: at, data: `{"type":"${type}"}` };
}

async function withLog(use: (log: EventLog, path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/events.sqlite`;
  const log = openEventLog(path);
  try {
    await use(log, path);
  } finally {
    await log.close();
    await Deno.remove(folder, { recursive: true });
  }
}

function numbers(events: LoggedEvent[]): number[] {
  return events.map((event) => event.seq);
}

Deno.test("append() numbers from 1 at once, and readers see an event only when it is durable", () =>
  withLog(async (log) => {
    assertEquals([log.append(step("a", 1)), log.append(step("a", 2))], [1, 2]);
    assertEquals([log.lastSeq, log.read({}, 0, 10)], [0, []]);
    await log.durable();
    assertEquals(log.lastSeq, 2);
    assertEquals(log.read({}, 0, 10), [{ seq: 1, ...step("a", 1) }, { seq: 2, ...step("a", 2) }]);
  }));

Deno.test("append() of an urgent event commits in the same turn, with all that waits before it", () =>
  withLog(async (log) => {
    log.append(step("a", 1));
    log.append(other("a", "paused"));
    log.append(step("a", 2));
    log.append(other("a", "resumed"));
    await Promise.resolve();
    assertEquals(log.lastSeq, 4);
  }));

Deno.test("trainStep(), lastStep() and has() see what is queued as well as what is durable", () =>
  withLog(async (log) => {
    for (const durable of [false, true]) {
      if (durable) await log.durable();
      else for (const at of [1, 2, 3]) log.append(step("a", at, 2));
      assertEquals(log.trainStep("a", 2, 3)?.data, '{"step":3}');
      assertEquals(log.trainStep("a", 1, 3), null);
      assertEquals(log.trainStep("b", 2, 3), null);
      assertEquals([log.lastStep("a", 2), log.lastStep("a", 1), log.lastStep("b", 2)], [3, 0, 0]);
      assertEquals(log.has("a", 2, 2, "trainStep"), true);
      assertEquals(log.has("a", 2, 2, "validation"), false);
      assertEquals(log.has("a", 2, 4, "trainStep"), false);
    }
  }));

Deno.test("read() takes job, session, types, cursor and limit alike from memory and from disk", () =>
  withLog(async (log, path) => {
    const types = ["trainStep", "log", "paused"];
    for (let n = 0; n < 300; n++) {
      const type = types[n % 3]!;
      log.append({ ...other(n % 2 ? "a" : "b", type, n), session: n % 5 ? "s" : "t" });
    }
    await log.durable();
    const all = log.read({}, 0, 1000);
    const filters = [
      {},
      { job: "a" },
      { session: "s" },
      { types: ["paused"] },
      { types: ["paused", "log"] },
      { types: ["paused", "trainStep"] },
      { job: "b", types: ["log"] },
      { session: "t", types: ["log", "paused"] },
      { job: "a", session: "s", types: ["log", "trainStep"] },
      { job: "nobody" },
      { types: ["nothing"] },
      { types: [] },
    ];
    const answers = (from: EventLog) =>
      filters.map((filter) => [from.read(filter, 100, 20), from.read(filter, 0, 1000)]);
    const fromMemory = answers(log);
    await log.close();
    const reopened = openEventLog(path);
    const fromDisk = answers(reopened);
    await reopened.close();
    assertEquals(fromDisk, fromMemory);
    for (const [at, filter] of filters.entries()) {
      const expected = all.filter((event) =>
        (filter.job ?? event.job) === event.job &&
        (filter.session ?? event.session) === event.session &&
        (filter.types ?? [event.type]).includes(event.type)
      );
      const later = expected.filter((event) => event.seq > 100).slice(0, 20);
      assertEquals(fromDisk[at], [later, expected]);
    }
  }));

Deno.test("read() gives every event once across the edge between disk and memory", () =>
  withLog(async (log) => {
    for (let n = 1; n <= 20_000; n++) log.append(step("a", n));
    await log.durable();
    const seen: number[] = [];
    for (
      let events = log.read({}, 0, 700);
      events.length;
      events = log.read({}, seen.at(-1)!, 700)
    ) {
      seen.push(...numbers(events));
    }
    assertEquals(seen, Array.from({ length: 20_000 }, (_, at) => at + 1));
  }));

Deno.test("read() gives text back as it came: unicode, quotes, control characters, lone halves", () =>
  withLog(async (log, path) => {
    const data = JSON.stringify({ text: 'é 🎈 \u0000 " \\ \n \ud800 ' + "z".repeat(100_000) });
    log.append({ ...other("job 'quoted' é", "log"), data });
    await log.close();
    const reopened = openEventLog(path);
    const [event] = reopened.read({}, 0, 1);
    await reopened.close();
    assertEquals([event?.job, event?.data], ["job 'quoted' é", data]);
  }));

Deno.test("newest() finds the last durable event of a job among types", () =>
  withLog(async (log) => {
    log.append(other("a", "checkpoint_saved", 1));
    log.append(step("a", 2));
    log.append(other("a", "paused", 3));
    log.append(other("b", "checkpoint_saved", 4));
    await log.durable();
    assertEquals(log.newest("a", ["checkpoint_saved"])?.seq, 1);
    assertEquals(log.newest("a", ["checkpoint_saved", "trainStep"])?.seq, 2);
    assertEquals(log.newest("a", ["checkpoint_saved", "paused", "trainStep"])?.seq, 3);
    assertEquals([log.newest("a", ["nothing"]), log.newest("c", ["paused"])], [null, null]);
  }));

Deno.test("changed() wakes at the next durable event, at an abort, and at the close", () =>
  withLog(async (log) => {
    const never = new AbortController();
    const event = log.changed(0, never.signal);
    log.append(step("a", 1));
    await event;
    assertEquals(log.lastSeq, 1);
    await log.changed(0, never.signal);
    const abort = new AbortController();
    const aborted = log.changed(1, abort.signal);
    abort.abort();
    await aborted;
    await log.changed(1, abort.signal);
    const closing = log.changed(1, never.signal);
    await log.close();
    await closing;
  }));

Deno.test("append() refuses a take or step that is no integer, and goes on", () =>
  withLog(async (log) => {
    assertThrows(() => log.append(step("a", NaN)), RangeError);
    assertThrows(() => log.append(step("a", 1.5)), RangeError);
    log.append(step("a", 1));
    await log.durable();
    assertEquals(log.lastSeq, 1);
  }));

Deno.test("forget() takes a job out of every answer at once, and its numbers never come again", () =>
  withLog(async (log, path) => {
    for (let n = 1; n <= 1500; n++) {
      log.append(step("a", n));
      if (n % 3 === 0) log.append(step("b", n));
    }
    await log.durable();
    const last = log.append(step("a", 1501));
    log.forget("a");
    await log.durable();
    assertEquals(log.read({ job: "a" }, 0, 10), []);
    assertEquals([log.lastStep("a", 1), log.newest("a", ["trainStep"])], [0, null]);
    await log.close();

    const reopened = openEventLog(path);
    assertEquals(reopened.read({}, 0, 5000).map((event) => event.job), Array(500).fill("b"));
    assertEquals(reopened.read({ job: "a" }, 0, 10), []);
    assertEquals([reopened.append(step("a", 1)), reopened.oldestSeq], [last + 1, 1]);
    await reopened.durable();
    assertEquals(numbers(reopened.read({ job: "a" }, 0, 10)), [last + 1]);
    await reopened.close();
  }));

function openedRows(path: string): number {
  const db = new DatabaseSync(path);
  const { count } = db.prepare("SELECT count(*) AS count FROM event").get() as { count: number };
  db.close();
  return count;
}

Deno.test("forget() ends with the rows gone from the disk", () =>
  withLog(async (log, path) => {
    for (let n = 1; n <= 2500; n++) log.append(step("a", n));
    log.append(other("b", "log"));
    await log.durable();
    log.forget("a");
    // The sweep is spread over turns; a later event cannot say that it ended, the file can.
    for (let rows = Infinity, round = 0; rows > 1 && round < 1000; round++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (round % 10 !== 9) continue;
      await log.close();
      rows = openedRows(path);
      log = openEventLog(path);
    }
    await log.close();
    assertEquals(openedRows(path), 1);
  }));

Deno.test("openEventLog() keeps id and numbers, and refuses a second opener", () =>
  withLog(async (log, path) => {
    log.append(step("a", 1));
    await log.durable();
    const refusal = assertThrows(() => openEventLog(path), Error);
    assertEquals(refusal.message.includes("open in another process"), true, refusal.message);
    const { id } = log;
    assertEquals(/^[0-9a-f]{8}$/.test(id), true);
    await log.close();
    const reopened = openEventLog(path);
    assertEquals([reopened.id, reopened.lastSeq, reopened.append(step("a", 2))], [id, 1, 2]);
    await reopened.close();
  }));

Deno.test("openEventLog() refuses a newer schema and a file that is no log", () =>
  withLog(async (log, path) => {
    await log.close();
    const db = new DatabaseSync(path);
    db.exec("UPDATE meta SET value = '99' WHERE key = 'version'");
    db.close();
    const newer = assertThrows(() => openEventLog(path), Error);
    assertEquals(newer.message.includes("version 99"), true, newer.message);
    await Deno.writeTextFile(path, "not a database, but long enough to be read as one".repeat(100));
    assertThrows(() => openEventLog(path), Error, "cannot open the event log");
  }));

Deno.test("close() commits what is queued and refuses what comes after", () =>
  withLog(async (log, path) => {
    log.append(step("a", 1));
    await log.close();
    await log.close();
    assertThrows(() => log.append(step("a", 2)), Error, "closed");
    const reopened = openEventLog(path);
    assertEquals(reopened.lastSeq, 1);
    await reopened.close();
  }));

Deno.test("openEventLog() in memory works without a file", async () => {
  const log = openEventLog(":memory:");
  log.append(step("a", 1));
  await log.durable();
  assertEquals(numbers(log.read({ job: "a" }, 0, 1)), [1]);
  await log.close();
  await assertRejects(() => Promise.try(() => log.append(step("a", 2))), Error, "closed");
});
