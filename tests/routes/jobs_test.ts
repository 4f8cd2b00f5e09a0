import { assertEquals, assertStringIncludes } from "@std/assert";
import { MERGE_STRATEGIES } from "../../runtime/protocol/merge_strategy.ts";
import { MERGE } from "../fixtures/merge_request.ts";
import { appFixture } from "../fixtures/app_fixture.ts";
import { assertJson, assertProblem } from "../fixtures/assert_problem.ts";

Deno.test("GET /jobs filters, pages and shows where each job is", async () => {
  await using fixture = await appFixture();
  const { id } = fixture.jobs.add();
  fixture.jobs.add({ state: "completed" });
  const all = await assertJson(await fixture.app.request("/jobs"));
  assertEquals((all["items"] as unknown[]).length, 2);
  assertEquals(all["next_cursor"], null);
  const page = await assertJson(
    await fixture.app.request("/jobs?state=running&project=digits&limit=1"),
  );
  const [job] = page["items"] as Record<string, unknown>[];
  assertEquals(job?.["id"], id);
  assertEquals(job?.["links"], {
    self: `/jobs/${id}`,
    page: `/jobs/${id}`,
    events: `/jobs/${id}/events`,
    metrics: `/jobs/${id}/metrics`,
    checkpoints: `/jobs/${id}/checkpoints`,
    commands: `/jobs/${id}/commands`,
    module: `/jobs/${id}/module`,
    session: "/sessions/sess-1",
  });
});

Deno.test("GET /jobs refuses a query that it does not know", async () => {
  await using fixture = await appFixture();
  const cases = [
    ["limit=0", "limit"],
    ["limit=201", "limit"],
    ["limit=ten", "limit"],
    ["limit=1e2", "limit"],
    ["state=asleep", "state"],
    ["projct=x", "projct"],
    ["limit=1&limit=2", "limit"],
  ];
  for (const [query, field] of cases) {
    const response = await fixture.app.request(`/jobs?${query}`);
    await assertProblem(response, 422, "unprocessable", { field });
  }
});

Deno.test("every call on an unknown job is a 404 that names it", async () => {
  await using fixture = await appFixture();
  const selection = { kind: "all" };
  const calls: [string, string, unknown?][] = [
    ["GET", ""],
    ["DELETE", ""],
    ["GET", "/module"],
    ["GET", "/events"],
    ["GET", "/metrics"],
    ["GET", "/checkpoints"],
    ["GET", "/checkpoints/1"],
    ["GET", "/commands"],
    ["GET", "/commands/cmd-1"],
    ["POST", "/pause"],
    ["POST", "/resume"],
    ["POST", "/stop"],
    ["POST", "/test"],
    ["POST", "/checkpoints"],
    ["POST", "/rewind", { checkpoint: 1 }],
    ["PATCH", "/hparams", { lr: 1 }],
    ["POST", "/fork", { selection }],
    ["POST", "/merge", { with: ["job-1"], strategy: "swa" }],
  ];
  for (const [method, path, body] of calls) {
    const response = await fixture.send(method, `/jobs/job-none${path}`, body);
    await assertProblem(response, 404, "not-found", { what: "job", id: "job-none" });
  }
});

Deno.test("DELETE /jobs/{id} answers 204 without a body", async () => {
  await using fixture = await appFixture();
  const { id } = fixture.jobs.add();
  const response = await fixture.send("DELETE", `/jobs/${id}`);
  assertEquals(response.status, 204);
  assertEquals(await response.text(), "");
  assertEquals(fixture.jobs.manifests.size, 0);
});

Deno.test("GET /jobs/{id}/module is the source", async () => {
  await using fixture = await appFixture();
  const response = await fixture.app.request(`/jobs/${fixture.jobs.add().id}/module`);
  assertEquals(response.status, 200);
  assertEquals(response.headers.get("Content-Type"), "application/typescript; charset=utf-8");
  assertEquals(await response.text(), "export default {};\n");
});

Deno.test("a path that is nothing's is a 404", async () => {
  await using fixture = await appFixture();
  const response = await fixture.app.request("/nothing");
  const { detail } = await assertProblem(response, 404, "not-found");
  assertStringIncludes(String(detail), "/nothing");
});

Deno.test("PATCH /jobs/{id} changes the priority, and nothing else", async () => {
  await using fixture = await appFixture();
  const { id } = fixture.jobs.add({ state: "queued" });
  const body = await assertJson(await fixture.send("PATCH", `/jobs/${id}`, { priority: 5 }), 200);
  assertEquals([body["id"], body["priority"]], [id, 5]);
  for (
    const wrong of [{}, { priority: 101 }, { priority: 0.5 }, { priority: 1, state: "running" }]
  ) {
    const response = await fixture.send("PATCH", `/jobs/${id}`, wrong);
    await assertProblem(response, 422, "unprocessable");
  }
  const missing = await fixture.send("PATCH", "/jobs/job-none", { priority: 1 });
  await assertProblem(missing, 404, "not-found");
});

Deno.test("a method that a path does not take is a 405 with those that it takes", async () => {
  await using fixture = await appFixture();
  const { id } = fixture.jobs.add();
  for (
    const [method, path, allow] of [
      ["PUT", `/jobs/${id}`, "GET, PATCH, DELETE"],
      ["GET", `/jobs/${id}/pause`, "POST"],
      ["DELETE", "/jobs", "POST, GET"],
    ] as const
  ) {
    const response = await fixture.app.request(path, { method });
    assertEquals(response.headers.get("Allow"), allow);
    await assertProblem(response, 405, "method-not-allowed", { allowed: allow.split(", ") });
  }
});

Deno.test("GET /sessions lists lineages with their jobs", async () => {
  await using fixture = await appFixture();
  fixture.jobs.add();
  fixture.jobs.add({ kind: "fork", parents: ["job-1"] });
  const { items } = await assertJson(await fixture.app.request("/sessions"));
  assertEquals((items as { jobs: unknown[] }[])[0]!.jobs.length, 2);
  const session = await assertJson(await fixture.app.request("/sessions/sess-1"));
  assertEquals(session["root"], "job-1");
  assertEquals(session["links"], { self: "/sessions/sess-1", events: "/sessions/sess-1/events" });
  const missing = await fixture.app.request("/sessions/sess-2");
  await assertProblem(missing, 404, "not-found", { what: "session", id: "sess-2" });
});

Deno.test("POST /jobs/{id}/fork fills in what the request leaves out", async () => {
  await using fixture = await appFixture();
  const { id } = fixture.jobs.add();
  const selection = { kind: "quantile", from: 0.8, to: 1 };
  const response = await fixture.send("POST", `/jobs/${id}/fork`, {
    selection,
    config: { max_epochs: 2 },
  }, { "Idempotency-Key": "f1" });
  const child = await assertJson(response, 201);
  assertEquals(response.headers.get("Location"), `/jobs/${child["id"]}`);
  const [asked] = fixture.jobs.asked;
  assertEquals(asked?.call === "fork" && asked.request, {
    selection,
    at: "now",
    config: { maxEpochs: 2 },
    lr_mul: 1,
    optimizer: "keep",
    schedule: "continue",
    rehearsal: 0,
    start: true,
  });
  assertEquals(asked?.idempotency?.key, "f1");
});

Deno.test("POST /jobs/{id}/fork with children gives each what it does not say from the top", async () => {
  await using fixture = await appFixture();
  const { id, session } = fixture.jobs.add();
  const all = { kind: "all" };
  const response = await fixture.send("POST", `/jobs/${id}/fork`, {
    selection: all,
    config: { max_steps: 5, lr: 0.1 },
    lr_mul: 0.5,
    children: [{}, { selection: { kind: "hardest", n: 2 }, run_name: "hard", at: 3 }, {
      config: { lr: 0.2 },
      optimizer: "fresh",
      start: false,
    }],
  }, { "Idempotency-Key": "f1" });
  const { items, overlap } = await assertJson(response, 201) as {
    items: { id: string }[];
    overlap: number;
  };
  assertEquals([items.length, overlap], [3, 0]);
  assertEquals(response.headers.get("Location"), `/sessions/${session}`);
  const defaults = { schedule: "continue", rehearsal: 0, start: true };
  const shared = { at: "now", lr_mul: 0.5, optimizer: "keep", ...defaults };
  const config = { maxSteps: 5, lr: 0.1 };
  assertEquals(fixture.jobs.asked.map((asked) => asked.call === "fork" && asked.request), [
    { ...shared, selection: all, config },
    { ...shared, selection: { kind: "hardest", n: 2 }, config, run_name: "hard", at: 3 },
    { ...shared, selection: all, config: { ...config, lr: 0.2 }, optimizer: "fresh", start: false },
  ]);
  assertEquals(new Set(fixture.jobs.asked.map((asked) => asked.idempotency?.fingerprint)).size, 1);
});

Deno.test("POST /jobs/{id}/fork takes the index of every sample of a large set", async () => {
  await using fixture = await appFixture();
  const { id } = fixture.jobs.add();
  const indices = Array.from({ length: 300_000 }, (_, index) => index);
  const body = { selection: { kind: "indices", indices } };
  await assertJson(await fixture.send("POST", `/jobs/${id}/fork`, body), 201);
  const long = { selection: { kind: "indices", indices: "0".repeat(16 * 2 ** 20) } };
  const response = await fixture.send("POST", `/jobs/${id}/fork`, long);
  await assertProblem(response, 413, "too-large", { limit: 16 * 2 ** 20 });
});

Deno.test("POST /jobs/{id}/fork refuses what can be known to be wrong", async () => {
  await using fixture = await appFixture();
  const { id } = fixture.jobs.add();
  const selection = { kind: "all" };
  const cases: [Record<string, unknown> | undefined, string][] = [
    [undefined, "selection"],
    [{}, "selection"],
    [{ selection: { kind: "range" } }, "selection.kind"],
    [{ selection: { kind: "region" } }, "selection"],
    [{ selection: { kind: "indices", indices: [] } }, "selection.indices"],
    [{ selection: { kind: "indices", indices: [-1] } }, "selection.indices.0"],
    [{ selection: { kind: "indices", indices: [1.5] } }, "selection.indices.0"],
    [{ selection: { kind: "quantile", from: 0.9, to: 0.1 } }, "selection"],
    [{ selection: { kind: "quantile", from: 0.5, to: 0.5 } }, "selection"],
    [{ selection: { kind: "quantile", from: -1, to: 2 } }, "selection.from"],
    [{ selection: { kind: "hardest", n: 0 } }, "selection.n"],
    [{ selection: { kind: "all", n: 1 } }, "selection.n"],
    [{ selection, at: "then" }, "at"],
    [{ selection, at: 0 }, "at"],
    [{ selection, lr_mul: 0 }, "lr_mul"],
    [{ selection, lr_mul: 1e308 }, "lr_mul"],
    [{ selection, lr_mul: null }, "lr_mul"],
    [{ selection, optimizer: "new" }, "optimizer"],
    [{ selection, run_name: "../x" }, "run_name"],
    [{ selection, config: { max_epoch: 1 } }, "config.max_epoch"],
    [{ selection, config: { max_epochs: "1" } }, "config.max_epochs"],
    [{ selection, rehearsal: 1 }, "rehearsal"],
    [{ selection, rehearsal: -0.1 }, "rehearsal"],
    [{ selection, schedule: "stop" }, "schedule"],
    [{ selection, module: 1 }, "module"],
    [{ selection, weight_decay_mul: 2 }, "weight_decay_mul"],
    [{ selection, strat: true }, "strat"],
    [{ selection, children: [] }, "children"],
    [{ selection, children: Array.from({ length: 33 }, () => ({})) }, "children"],
    [{ children: [{ selection }, {}] }, "children.1.selection"],
    [{ selection, children: [{}, { lr_mul: -1 }] }, "children.1.lr_mul"],
    [{ selection, children: [{ strat: true }] }, "children.0.strat"],
    [{ selection, children: [{}, { config: { max_epoch: 1 } }] }, "children.1.config.max_epoch"],
    [{ selection, children: [{ config: { max_epochs: 0 } }] }, "children.0.config.max_epochs"],
    [{ selection, config: { max_epochs: 0 }, children: [{}] }, "config.max_epochs"],
  ];
  for (const [body, field] of cases) {
    const response = await fixture.send("POST", `/jobs/${id}/fork`, body);
    await assertProblem(response, 422, "unprocessable", { field });
  }
  assertEquals(fixture.jobs.asked, []);
});

Deno.test("POST /jobs/{id}/merge takes jobs and checkpoints", async () => {
  await using fixture = await appFixture();
  const { id } = fixture.jobs.add();
  const body = {
    with: ["job-2", { job: "job-3", checkpoint: 4 }],
    strategy: "weighted",
    params: { weights: [1, 2, 0.5] },
  };
  await assertJson(await fixture.send("POST", `/jobs/${id}/merge`, body), 201);
  const [asked] = fixture.jobs.asked;
  assertEquals(asked?.call === "merge" && asked.request, {
    ...MERGE,
    with: [{ job: "job-2" }, { job: "job-3", checkpoint: 4 }],
    strategy: "weighted",
    params: { weights: [1, 2, 0.5] },
  });
});

Deno.test("POST /jobs/{id}/merge refuses what can be known to be wrong", async () => {
  await using fixture = await appFixture();
  const { id } = fixture.jobs.add();
  const cases: [Record<string, unknown>, string][] = [
    [{ strategy: "swa" }, "with"],
    [{ with: [], strategy: "swa" }, "with"],
    [{ with: [3], strategy: "swa" }, "with.0"],
    [{ with: [{ job: "job-2", checkpoint: 0 }], strategy: "swa" }, "with.0.checkpoint"],
    [{ with: ["job-2"] }, "strategy"],
    [{ with: ["job-2"], strategy: "swa", params: { weights: [1, 2] } }, "params.weights"],
    [{ with: ["job-2"], strategy: "weighted" }, "params.weights"],
    [{ with: ["job-2"], strategy: "weighted", params: { weights: [1, -1] } }, "params.weights.1"],
    [{ with: ["job-2"], strategy: "weighted", params: { weights: [1, 2, 3] } }, "params.weights"],
    [{ with: ["job-2"], strategy: "swa", gates: 1 }, "gates"],
  ];
  for (const [body, field] of cases) {
    const response = await fixture.send("POST", `/jobs/${id}/merge`, body);
    await assertProblem(response, 422, "unprocessable", { field });
  }
  const response = await fixture.send("POST", `/jobs/${id}/merge`, {
    with: ["job-2"],
    strategy: "mean",
  });
  await assertProblem(response, 422, "unprocessable", {
    field: "strategy",
    known: Object.keys(MERGE_STRATEGIES),
  });
  for (const strategy of ["constructor", "__proto__", "toString"]) {
    const response = await fixture.send("POST", `/jobs/${id}/merge`, { with: ["job-2"], strategy });
    await assertProblem(response, 422, "unprocessable", { field: "strategy" });
  }
  assertEquals(fixture.jobs.asked, []);
});
