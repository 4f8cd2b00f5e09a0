import { type EventLog, openEventLog } from "../jobs/events/event_log.ts";
import type { Figure, Subject } from "./figure.ts";
import { grouped, median } from "./statistics.ts";

const SINGLE = 500;
const STORED = 200_000;
const PAGE = 1_000;
/** Steps that wait for one commit: enough that the wait itself does not count. */
const GROUP = 5_000;
/** What one stored event may cost the server, in microseconds. */
const COST_TARGET = 20;

/** The event log on disk: how soon a subscriber sees an append, what a row costs, how fast it reads. */
export const eventLog: Subject = async (note) => {
  const folder = await Deno.makeTempDir({ prefix: "onthefly-bench-" });
  const path = `${folder}/events.sqlite3`;
  const log = openEventLog(path);
  note(`waiting for ${SINGLE} events, one by one`);
  const visible = await appendToVisible(log);
  note(`storing ${grouped(STORED)} events`);
  const appended = await appendMany(log);
  await log.close();
  note(`reading ${grouped(STORED)} events`);
  const reopened = openEventLog(path);
  const read = readAll(reopened);
  await reopened.close();
  await Deno.remove(folder, { recursive: true });
  return [visible, appended, read];
};

function trainStep(step: number) {
  const figures = { loss: 1 / step, accuracy: 0.9140625, lr: 0.001, grad_norm: 1.2345678901 };
  const position = { step, axis_step: step, epoch: 1, ts: 1_700_000_000_000 + step, take: 1 };
  const data = JSON.stringify({ type: "trainStep", ...position, ...figures, job: "job-bench" });
  return { job: "job-bench", session: "sess-bench", type: "trainStep", take: 1, step, data };
}

/** Steps arrive apart, so that each waits the whole of its group's time. */
async function appendToVisible(log: EventLog): Promise<Figure> {
  const never = new AbortController().signal;
  const times: number[] = [];
  for (let step = 1; step <= SINGLE; step++) {
    const began = performance.now();
    const seq = log.append(trainStep(step));
    await log.changed(seq - 1, never);
    if (log.read({ job: "job-bench" }, seq - 1, 1)[0]?.seq !== seq) throw new Error("not visible");
    times.push(performance.now() - began);
  }
  const middle = median(times);
  return {
    name: "event log: append to visible, median",
    measured: `${middle.toFixed(2)} ms`,
    target: "≤ 5 ms",
    met: middle <= 5,
  };
}

async function appendMany(log: EventLog): Promise<Figure> {
  const began = performance.now();
  for (let step = 1; step <= STORED; step++) {
    log.append(trainStep(SINGLE + step));
    if (step % GROUP === 0) await log.durable();
  }
  await log.durable();
  const wall = performance.now() - began;
  return {
    name: `event log: store, in groups of ${grouped(GROUP)}`,
    measured: `${grouped(STORED * 1_000 / wall)} events/s`,
    target: `≥ ${grouped(1e6 / COST_TARGET)} events/s`,
    met: wall * 1_000 / STORED <= COST_TARGET,
  };
}

function readAll(log: EventLog): Figure {
  const began = performance.now();
  let count = 0;
  for (let after = 0;;) {
    const events = log.read({ job: "job-bench" }, after, PAGE);
    if (events.length === 0) break;
    count += events.length;
    after = events.at(-1)!.seq;
  }
  const rate = count * 1_000 / (performance.now() - began);
  if (count !== SINGLE + STORED) throw new Error(`${count} events came back`);
  return {
    name: "event log: read one job from disk",
    measured: `${grouped(rate)} events/s`,
    target: "≥ 500,000 events/s",
    met: rate >= 500_000,
  };
}
