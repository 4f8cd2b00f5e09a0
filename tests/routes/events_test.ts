import { assertEquals, assertMatch } from "@std/assert";
import type { EventLog } from "../../jobs/events/event_log.ts";
import { appFixture } from "../fixtures/app_fixture.ts";
import { assertProblem } from "../fixtures/assert_problem.ts";
import { type Frame, readFrames } from "../fixtures/sse_frames.ts";

/** Logs an event of a job and waits until it is durable. */
async function logEvent(
  log: EventLog,
  job: string,
  type: string,
  fields: Record<string, unknown> = {},
): Promise<void> {
  appendEvent(log, job, type, fields);
  await log.durable();
}

function appendEvent(
  log: EventLog,
  job: string,
  type: string,
  fields: Record<string, unknown> = {},
): void {
  const step = Number(fields["step"] ?? 0);
  const data = JSON.stringify({ type, job, session: "sess-1", take: 1, ...fields });
  log.append({ job, session: "sess-1", type, take: 1, step, data });
}

async function logSteps(log: EventLog, job: string, from: number, to: number): Promise<void> {
  for (let step = from; step <= to; step++) {
    appendEvent(log, job, "trainStep", { step, loss: 1 / step });
  }
  await log.durable();
}

function brief(frames: Frame[]): [string, string][] {
  return frames.map(({ id, type }) => [id, type]);
}

Deno.test("GET /jobs/{id}/events streams a job from its beginning, then as it happens", async () => {
  await using fixture = await appFixture();
  const { app, log } = fixture;
  const { id } = fixture.jobs.add();
  await logEvent(log, id, "newRun", { run_name: "baseline" });
  await logEvent(log, "job-other", "newRun");
  const response = await app.request(`/jobs/${id}/events`);
  assertEquals(response.status, 200);
  assertEquals(response.headers.get("Content-Type"), "text/event-stream");
  assertEquals(response.headers.get("Cache-Control"), "no-store");
  const frames = readFrames(response);
  const first = (await frames.next()).value!;
  assertEquals(first, {
    id: `${log.id}-1`,
    type: "newRun",
    data: '{"type":"newRun","job":"job-1","session":"sess-1","take":1,"run_name":"baseline"}',
  });
  await logEvent(log, "job-other", "paused");
  await logEvent(log, id, "paused", { step: 3 });
  assertEquals(brief([(await frames.next()).value!]), [[`${log.id}-4`, "paused"]]);
  await frames.return(undefined);
});

Deno.test("a stream begins with its retry and its place, so that a cut loses nothing", async () => {
  await using fixture = await appFixture();
  const { id } = fixture.jobs.add();
  await logEvent(fixture.log, id, "newRun");
  const response = await fixture.app.request("/events");
  const reader = response.body!.getReader();
  const { value } = await reader.read();
  assertEquals(new TextDecoder().decode(value), `retry: 1000\nid: ${fixture.log.id}-1\n\n`);
  await reader.cancel();
});

Deno.test("Last-Event-ID and ?after go on behind an event; the header wins", async () => {
  await using fixture = await appFixture();
  const { app, log } = fixture;
  const { id } = fixture.jobs.add();
  await logSteps(log, id, 1, 5);
  const read = async (query: string, headers: Record<string, string> = {}) => {
    const response = await app.request(`/jobs/${id}/events?follow=false${query}`, { headers });
    return (await Array.fromAsync(readFrames(response))).map((frame) => frame.id);
  };
  const all = [1, 2, 3, 4, 5].map((seq) => `${log.id}-${seq}`);
  assertEquals(await read(""), all);
  assertEquals(await read("&after=0"), all);
  assertEquals(await read("&after=3"), all.slice(3));
  assertEquals(await read(`&after=${log.id}-3`), all.slice(3));
  assertEquals(await read("", { "Last-Event-ID": `${log.id}-4` }), all.slice(4));
  assertEquals(await read("&after=1", { "Last-Event-ID": `${log.id}-4` }), all.slice(4));
  assertEquals(await read("", { "Last-Event-ID": `${log.id}-5` }), []);
});

Deno.test("a session and everything stream from now, a cursor takes them back", async () => {
  await using fixture = await appFixture();
  const { app, log } = fixture;
  const { id, session } = fixture.jobs.add();
  await logSteps(log, id, 1, 3);
  for (const path of [`/sessions/${session}/events`, "/events"]) {
    const back = await app.request(`${path}?after=1&follow=false`);
    const seqs = (await Array.fromAsync(readFrames(back))).map((frame) => frame.id.split("-")[1]);
    assertEquals(seqs.slice(0, 2), ["2", "3"]);
    const frames = readFrames(await app.request(path));
    const next = frames.next();
    const before = log.lastSeq;
    await logEvent(log, id, "paused");
    assertEquals((await next).value!.id, `${log.id}-${before + 1}`);
    await frames.return(undefined);
  }
});

Deno.test("?types leaves out the others, whatever lies between", async () => {
  await using fixture = await appFixture();
  const { id } = fixture.jobs.add();
  await logEvent(fixture.log, id, "newRun");
  await logSteps(fixture.log, id, 1, 2_000);
  await logEvent(fixture.log, id, "paused");
  const path = `/jobs/${id}/events?types=newRun,paused&follow=false`;
  const frames = await Array.fromAsync(readFrames(await fixture.app.request(path)));
  assertEquals(frames.map((frame) => frame.type), ["newRun", "paused"]);
});

Deno.test("an id that is stale, foreign or garbage gets one resync and goes on", async () => {
  await using fixture = await appFixture();
  const { app, log } = fixture;
  const { id } = fixture.jobs.add();
  await logSteps(log, id, 1, 2);
  const reasons: Record<string, string> = {
    "nonsense": "the id cannot be read",
    "-1": "the id cannot be read",
    "1e3": "the id cannot be read",
    [`${log.id}-`]: "the id cannot be read",
    [`${log.id}-1; DROP TABLE`]: "the id cannot be read",
    "0123456789abcdef-1": "the id is of another log",
    [`${log.id}-99`]: "the id is ahead of the log",
    "99": "the id is ahead of the log",
  };
  for (const [given, reason] of Object.entries(reasons)) {
    const response = await app.request(`/jobs/${id}/events?follow=false&types=trainStep`, {
      headers: { "Last-Event-ID": given },
    });
    assertEquals(response.status, 200);
    const frames = await Array.fromAsync(readFrames(response));
    assertEquals(brief(frames), [
      [`${log.id}-0`, "resync"],
      [`${log.id}-1`, "trainStep"],
      [`${log.id}-2`, "trainStep"],
    ]);
    assertEquals(JSON.parse(frames[0]!.data), { reason, oldest: 1, newest: 2 });
  }
});

Deno.test("a bad query of a stream is a problem, not a stream", async () => {
  await using fixture = await appFixture();
  const { id } = fixture.jobs.add();
  const cases = [
    ["follow=maybe", "follow"],
    ["sample_ms=0", "sample_ms"],
    ["type=x", "type"],
    ["types=paused,trainstep", "types"],
  ];
  for (const [query, field] of cases) {
    const response = await fixture.app.request(`/jobs/${id}/events?${query}`);
    await assertProblem(response, 422, "unprocessable", { field });
  }
});

Deno.test("a silent stream has heartbeats", async () => {
  await using fixture = await appFixture({}, { heartbeatMs: 5 });
  const response = await fixture.app.request("/events");
  const reader = response.body!.getReader();
  await reader.read();
  const decoder = new TextDecoder();
  for (let beat = 0; beat < 3; beat++) {
    assertEquals(decoder.decode((await reader.read()).value), ": heartbeat\n\n");
  }
  await reader.cancel();
});

Deno.test("a reader that never reads takes one page, and gets everything when it does", async () => {
  await using fixture = await appFixture({}, { heartbeatMs: 1 });
  const { app, log } = fixture;
  const { id } = fixture.jobs.add();
  let rows = 0;
  const { read } = log;
  log.read = function (...args) {
    const events = read.apply(this, args);
    rows += events.length;
    return events;
  };
  const response = await app.request(`/jobs/${id}/events`);
  for (let page = 0; page < 10; page++) {
    await logSteps(log, id, page * 1_000 + 1, page * 1_000 + 1_000);
  }
  assertEquals(rows <= 1_024, true, `${rows} events were read for nobody`);
  let step = 0;
  for await (const frame of readFrames(response)) {
    assertEquals(JSON.parse(frame.data).step, ++step);
    if (step === 10_000) break;
  }
});

Deno.test("subscribers at the same place share what is read", async () => {
  await using fixture = await appFixture();
  const { app, log } = fixture;
  const { id } = fixture.jobs.add();
  let reads = 0;
  const { read } = log;
  log.read = function (...args) {
    const events = read.apply(this, args);
    if (events.length > 0) reads++;
    return events;
  };
  await logSteps(log, id, 1, 400);
  const path = `/jobs/${id}/events?follow=false`;
  const counts = await Promise.all(Array.from({ length: 20 }, async () => {
    return (await Array.fromAsync(readFrames(await app.request(path)))).length;
  }));
  assertEquals(counts, Array(20).fill(400));
  assertEquals(reads, 1);
});

Deno.test("a stream ends when the server closes, and when its reader leaves", async () => {
  await using fixture = await appFixture();
  const frames = readFrames(await fixture.app.request("/events"));
  const next = frames.next();
  fixture.closing.abort();
  assertEquals((await next).done, true);
});

Deno.test("HEAD tells what a stream is, and opens none", async () => {
  await using fixture = await appFixture();
  const response = await fixture.app.request("/events", { method: "HEAD" });
  assertEquals(response.status, 200);
  assertEquals(response.headers.get("Content-Type"), "text/event-stream");
  assertEquals(await response.text(), "");
});

Deno.test("?sample_ms shows runs of steps as one frame a job, all else as it is", async () => {
  await using fixture = await appFixture();
  const { app, log } = fixture;
  const { id, session } = fixture.jobs.add();
  for (const [step, loss] of [[1, 3], [2, 9], [3, null], [4, 5]]) {
    appendEvent(log, id, "trainStep", { step, loss });
  }
  appendEvent(log, "job-2", "trainStep", { step: 1, loss: null });
  appendEvent(log, id, "paused", { step: 4 });
  appendEvent(log, id, "trainStep", { step: 5, loss: 2 });
  await log.durable();
  const path = `/sessions/${session}/events?after=0&follow=false&sample_ms=50`;
  const frames = await Array.fromAsync(readFrames(await app.request(path)));
  assertEquals(
    frames.map(({ id, type, data }) => {
      const { job, step, loss, sampled } = JSON.parse(data);
      return [id.split("-")[1], type, job, step, loss, sampled];
    }),
    [
      ["4", "trainStep", id, 4, 5, { steps: 4, loss_min: 3, loss_max: 9 }],
      ["5", "trainStep", "job-2", 1, null, { steps: 1, loss_min: null, loss_max: null }],
      ["6", "paused", id, 4, undefined, undefined],
      ["7", "trainStep", id, 5, 2, { steps: 1, loss_min: 2, loss_max: 2 }],
    ],
  );
});

Deno.test("?sample_ms follows: what comes at once is one frame", async () => {
  await using fixture = await appFixture();
  const { app, log } = fixture;
  const { id } = fixture.jobs.add();
  const frames = readFrames(await app.request(`/jobs/${id}/events?sample_ms=20`));
  const first = frames.next();
  await logSteps(log, id, 1, 1);
  assertEquals(JSON.parse((await first).value!.data).sampled.steps, 1);
  await logSteps(log, id, 2, 100);
  assertEquals(JSON.parse((await frames.next()).value!.data).sampled.steps, 99);
  await frames.return(undefined);
});

Deno.test("GET /events works over a socket, and a client that leaves frees its stream", async () => {
  await using fixture = await appFixture({}, { heartbeatMs: 20 });
  const { app, log } = fixture;
  const { id } = fixture.jobs.add();
  const left = Promise.withResolvers<void>();
  const { changed } = log;
  log.changed = async function (after, signal) {
    signal.addEventListener("abort", () => left.resolve());
    await changed.call(this, after, signal);
  };
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, app.fetch);
  const client = new AbortController();
  const response = await fetch(`http://127.0.0.1:${server.addr.port}/jobs/${id}/events`, {
    signal: client.signal,
  });
  const frames = readFrames(response);
  await logEvent(log, id, "newRun");
  assertMatch((await frames.next()).value!.type, /newRun/);
  client.abort();
  await frames.next().catch(() => {/* The client itself cut the line. */});
  await left.promise;
  await server.shutdown();
});
