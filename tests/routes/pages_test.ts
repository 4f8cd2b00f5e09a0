import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { appFixture } from "../fixtures/app_fixture.ts";
import { assertProblem } from "../fixtures/assert_problem.ts";

const HTML = { Accept: "text/html,application/xhtml+xml,*/*;q=0.8" };

Deno.test("GET /jobs/{id} is a page for a browser and JSON for everyone else", async () => {
  await using fixture = await appFixture();
  const { id } = fixture.jobs.add();
  const page = await fixture.app.request(`/jobs/${id}`, { headers: HTML });
  assertEquals(page.status, 200);
  assertMatch(page.headers.get("Content-Type")!, /^text\/html/);
  assertEquals(page.headers.get("Vary"), "Accept");
  assertMatch(await page.text(), /^<!doctype html>/);
  for (const accept of ["*/*", "application/json", "application/json, text/html"]) {
    const json = await fixture.app.request(`/jobs/${id}`, { headers: { Accept: accept } });
    assertMatch(json.headers.get("Content-Type")!, /^application\/json/);
    assertEquals((await json.json())["id"], id);
  }
});

Deno.test("a page that is not there is a page", async () => {
  await using fixture = await appFixture();
  for (const path of ["/jobs/job-none", "/sessions/sess-none"]) {
    const response = await fixture.app.request(path, { headers: HTML });
    assertEquals(response.status, 404);
    assertMatch(response.headers.get("Content-Type")!, /^text\/html/);
    assertStringIncludes(await response.text(), "There is no such");
  }
});

Deno.test("pages have no inline script or style, which their policy would refuse", async () => {
  await using fixture = await appFixture();
  const { id, session } = fixture.jobs.add();
  const pages = [
    `/jobs/${id}`,
    `/jobs/${id}/inspect`,
    `/sessions/${session}`,
    `/compare?jobs=${id}`,
  ];
  for (const path of ["/", "/new", ...pages]) {
    const html = await (await fixture.app.request(path, { headers: HTML })).text();
    assert(!/<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)|javascript:/i.test(html), path);
  }
});

Deno.test("pages load from this machine alone", async () => {
  await using fixture = await appFixture();
  const { id } = fixture.jobs.add();
  const html = await (await fixture.app.request(`/jobs/${id}`, { headers: HTML })).text();
  const assets = [...html.matchAll(/<(?:script|link)[^>]*(?:src|href)="([^"]+)"/g)];
  assert(assets.length > 5);
  for (const [, address] of assets) {
    const response = await fixture.app.request(address!);
    assertEquals(response.status, 200, address);
    await response.body?.cancel();
  }
});

Deno.test("what people name and write is escaped on every page", async () => {
  await using fixture = await appFixture();
  const evil = `<img src=x onerror="alert(1)">`;
  const { id, session } = fixture.jobs.add({
    project: evil,
    run_name: evil,
    config: { note: evil },
    state: "failed",
    error: { message: evil, stack: evil, phase: "data", cause: "exception" },
  });
  const data = JSON.stringify({ level: "info", message: evil, source: "module", ts: 1 });
  fixture.log.append({ job: id, session, type: "log", take: 1, step: 1, data }, true);
  await fixture.log.durable();
  const pages = [`/jobs/${id}`, `/sessions/${session}`, `/compare?jobs=${id}`];
  for (const path of ["/", ...pages, `/jobs/${id}/inspect`, `/fragments/jobs/${id}/fork`]) {
    const html = await (await fixture.app.request(path, { headers: HTML })).text();
    assert(!html.includes("<img"), path);
    assertStringIncludes(html, "&lt;img");
  }
});

Deno.test("buttons of a job are disabled when its state does not take them", async () => {
  await using fixture = await appFixture();
  const cases = [
    ["running", [
      "Pause",
      "Test",
      "Checkpoint",
      "Fork…",
      "Merge…",
      "Stop…",
      "Certificate…",
      "Reset…",
    ]],
    ["paused", [
      "Resume",
      "Test",
      "Checkpoint",
      "Fork…",
      "Merge…",
      "Stop…",
      "Certificate…",
      "Reset…",
    ]],
    ["queued", ["Pause", "Stop…", "Delete…"]],
    ["stopping", ["Stop…"]],
    ["failed", ["Test", "Checkpoint", "Fork…", "Merge…", "Certificate…", "Reset…", "Delete…"]],
  ] as const;
  for (const [state, expected] of cases) {
    const { id } = fixture.jobs.add({ state });
    const html = await (await fixture.app.request(`/fragments/jobs/${id}/header`)).text();
    const enabled = [...html.matchAll(/<button((?:(?!disabled)[^>])*)>([^<]+)</g)]
      .map((match) => match[2]!).filter((label) => !label.startsWith("Park"));
    assertEquals(enabled, [...expected], state);
  }
});

Deno.test("markers tell what happened at which step, forks among them", async () => {
  await using fixture = await appFixture();
  const { id, session } = fixture.jobs.add({ origin: { checkpoint: 2, step: 40 } });
  const child = fixture.jobs.add({
    kind: "fork",
    parents: [id],
    origin: { checkpoint: 1, step: 60 },
  });
  const events = [
    ["trainStep", 5, { loss: 1 }],
    ["paused", 6, { reason: "command", epoch: 1 }],
    ["test_complete", 7, { split: "test", loss: 0.25, accuracy: 0.9 }],
  ] as const;
  for (const [type, step, fields] of events) {
    const data = JSON.stringify({ ...fields, step, ts: 1 });
    fixture.log.append({ job: id, session, type, take: 1, step, data }, true);
  }
  await fixture.log.durable();
  const response = await fixture.app.request(`/fragments/jobs/${id}/markers`);
  const { items } = await response.json();
  assertEquals(
    items.map((item: Record<string, unknown>) => [
      item["kind"],
      item["step"],
      item["axis_step"],
      item["text"],
      item["href"],
    ]),
    [
      ["pause", 6, 46, "paused", "?tab=commands"],
      ["test", 7, 47, "tested on test: loss 0.2500, accuracy 90.0%", "?tab=commands"],
      ["fork", 20, 60, `forked ${child.run_name}`, `/jobs/${child.id}`],
    ],
  );
});

Deno.test("the stream of a page begins where the page was drawn", async () => {
  await using fixture = await appFixture();
  const { id, session } = fixture.jobs.add();
  const at = fixture.log.append(
    { job: id, session, type: "log", take: 1, step: 1, data: "{}" },
    true,
  );
  await fixture.log.durable();
  const html = await (await fixture.app.request(`/jobs/${id}`, { headers: HTML })).text();
  assertStringIncludes(
    html,
    `/sessions/${session}/events?sample_ms=50&amp;after=${fixture.log.id}-${at}`,
  );
});

Deno.test("POST /new/check answers what submitting would", async () => {
  await using fixture = await appFixture();
  const module = `import "onthefly";\nexport default defineJob({ project: "a", runName: "b" });`;
  const good = await fixture.send("POST", "/new/check", { module });
  assertEquals(good.status, 200);
  assertEquals(await good.json(), { project: "a", run_name: "b" });
  const bad = await fixture.send("POST", "/new/check", { module: "const a = ;", name: "mine.ts" });
  const problem = await assertProblem(bad, 422, "unprocessable", { field: "module" });
  assertMatch(String(problem["detail"]), /^mine\.ts:1:11 /);
});

Deno.test("GET /compare has one address, and names what is not there", async () => {
  await using fixture = await appFixture();
  const [a, b] = [fixture.jobs.add(), fixture.jobs.add()];
  const get = (path: string) => fixture.app.request(path, { headers: HTML });
  const ticked = await get(`/compare?jobs=${a.id}&jobs=${b.id}&jobs=${a.id}`);
  assertEquals(ticked.status, 302);
  assertEquals(ticked.headers.get("Location"), `/compare?jobs=${a.id},${b.id}`);
  const page = await (await get(ticked.headers.get("Location")!)).text();
  assertStringIncludes(page, "Compare 2 jobs");
  const lost = await get(`/compare?jobs=${a.id},job-none`);
  assertEquals(lost.status, 404);
  assertStringIncludes(await lost.text(), "job-none is not here");
});
