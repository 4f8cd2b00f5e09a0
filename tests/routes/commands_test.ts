import { assertEquals } from "@std/assert";
import { CommandFailedError, ConflictError, UnavailableError } from "../../jobs/errors.ts";
import { appFixture } from "../fixtures/app_fixture.ts";
import { assertJson, assertProblem } from "../fixtures/assert_problem.ts";

Deno.test("each control call becomes its request, with what was left out filled in", async () => {
  await using fixture = await appFixture();
  const { id } = fixture.jobs.add();
  const calls: [string, string, unknown, unknown][] = [
    ["POST", "pause", undefined, { command: "pause", release: false }],
    ["POST", "pause", { release: true }, { command: "pause", release: true }],
    ["POST", "resume", {}, { command: "resume" }],
    ["POST", "resume", { max_epochs: 9 }, { command: "resume", max_epochs: 9 }],
    ["POST", "stop", undefined, { command: "stop" }],
    ["POST", "test", undefined, { command: "test", split: "test" }],
    ["POST", "test", { split: "val", label: "a" }, { command: "test", split: "val", label: "a" }],
    ["POST", "checkpoints", { label: "b" }, { command: "checkpoint", label: "b" }],
    ["POST", "rewind", { checkpoint: 3 }, { command: "rewind", checkpoint: 3 }],
    ["PATCH", "hparams", { lr: 0.1 }, { command: "hparams", lr: 0.1 }],
    ["PATCH", "hparams", { grad_clip_norm: null }, { command: "hparams", grad_clip_norm: null }],
  ];
  for (const [method, call, body, request] of calls) {
    const receipt = await assertJson(await fixture.send(method, `/jobs/${id}/${call}`, body));
    assertEquals([receipt["status"], receipt["applied_at_step"]], ["applied", 100]);
    const asked = fixture.jobs.asked.at(-1);
    assertEquals(asked?.call === "command" && asked.request, request);
  }
});

Deno.test("a control call names the field that is wrong", async () => {
  await using fixture = await appFixture();
  const { id } = fixture.jobs.add();
  const cases: [string, string, unknown, string][] = [
    ["POST", "pause", { relaese: true }, "relaese"],
    ["POST", "pause", { release: "yes" }, "release"],
    ["POST", "resume", { max_epochs: 0 }, "max_epochs"],
    ["POST", "resume", { max_steps: 1e308 }, "max_steps"],
    ["POST", "stop", { now: true }, "now"],
    ["POST", "test", { split: "gate" }, "split"],
    ["POST", "test", { label: "x".repeat(201) }, "label"],
    ["POST", "rewind", {}, "checkpoint"],
    ["POST", "rewind", { checkpoint: -1 }, "checkpoint"],
    ["POST", "rewind", { checkpoint: "1" }, "checkpoint"],
    ["PATCH", "hparams", {}, ""],
    ["PATCH", "hparams", { lr: -1 }, "lr"],
    ["PATCH", "hparams", { lr: 1e308 }, "lr"],
    ["PATCH", "hparams", { learning_rate: 1 }, "learning_rate"],
  ];
  for (const [method, call, body, field] of cases) {
    const response = await fixture.send(method, `/jobs/${id}/${call}`, body);
    await assertProblem(response, 422, "unprocessable", { field });
  }
  assertEquals(fixture.jobs.asked, []);
});

Deno.test("a control call refuses a body that is no JSON object of its size and type", async () => {
  await using fixture = await appFixture();
  const path = `/jobs/${fixture.jobs.add().id}/pause`;
  const post = (body: BodyInit, type?: string) =>
    fixture.app.request(path, {
      method: "POST",
      body,
      headers: type === undefined ? {} : { "Content-Type": type },
    });
  const json = "application/json";
  await assertProblem(await post("release=true"), 415, "unsupported-media-type");
  await assertProblem(await post("a: 1", "text/yaml"), 415, "unsupported-media-type");
  await assertProblem(await post("{", json), 400, "malformed-request");
  await assertProblem(await post("[]", json), 422, "unprocessable");
  const long = `{"x": "${"x".repeat(2 ** 20)}"}`;
  await assertProblem(await post(long, json), 413, "too-large", { limit: 2 ** 20 });
  await assertJson(await post("", json));
});

Deno.test("a control call in a wrong state is a 409 with what is allowed", async () => {
  await using fixture = await appFixture();
  const { id } = fixture.jobs.add({ state: "stopping" });
  const response = await fixture.send("POST", `/jobs/${id}/pause`);
  await assertProblem(response, 409, "state-conflict", {
    job: id,
    state: "stopping",
    allowed: ["stop"],
  });
});

Deno.test("Prefer: respond-async answers 202 with the receipt's address", async () => {
  await using fixture = await appFixture();
  const { id } = fixture.jobs.add();
  const gate = Promise.withResolvers<void>();
  fixture.jobs.apply = () => gate.promise;
  const response = await fixture.send("POST", `/jobs/${id}/pause`, {}, {
    Prefer: "respond-async, wait=10",
  });
  const pending = await assertJson(response, 202);
  assertEquals(pending["status"], "pending");
  const location = response.headers.get("Location")!;
  assertEquals(location, `/jobs/${id}/commands/${pending["command_id"]}`);
  assertEquals(response.headers.get("Retry-After"), "1");
  gate.resolve();
  await gate.promise;
  const receipt = await assertJson(await fixture.app.request(location));
  assertEquals(receipt["status"], "applied");
  const { items } = await assertJson(await fixture.app.request(`/jobs/${id}/commands`));
  assertEquals(items, [receipt]);
});

Deno.test("a control call that takes too long answers 202, and a later failure is no crash", async () => {
  await using fixture = await appFixture({}, { receiptWaitMs: 1 });
  const { id } = fixture.jobs.add();
  const gate = Promise.withResolvers<void>();
  fixture.jobs.apply = () => gate.promise;
  await assertJson(await fixture.send("POST", `/jobs/${id}/test`), 202);
  gate.reject(new CommandFailedError("released", "the worker is gone"));
  await gate.promise.catch(() => {});
});

Deno.test("errors of the job service keep their meaning, unknown ones tell nothing", async () => {
  await using fixture = await appFixture();
  const { id } = fixture.jobs.add();
  const enospc = Object.assign(new Error("write failed"), { code: "ENOSPC" });
  const cases: [Error, number, string, Record<string, unknown>][] = [
    [new CommandFailedError("worker_gone", "the worker ended"), 503, "unavailable", {
      code: "worker_gone",
    }],
    [new CommandFailedError("no_split", "there is no val split"), 422, "command-failed", {
      code: "no_split",
    }],
    [new ConflictError("forks depend on it", { dependants: ["job-2"] }), 409, "conflict", {
      dependants: ["job-2"],
    }],
    [new UnavailableError("shutting down"), 503, "unavailable", {}],
    [enospc, 507, "no-space", {}],
    [new TypeError("database or disk is full"), 507, "no-space", {}],
  ];
  for (const [error, status, slug, fields] of cases) {
    fixture.jobs.apply = () => Promise.reject(error);
    const response = await fixture.send("POST", `/jobs/${id}/test`);
    await assertProblem(response, status, slug, fields);
  }
  fixture.jobs.apply = () => Promise.reject(new Error("secret /path/of/ours"));
  const response = await fixture.send("POST", `/jobs/${id}/test`);
  const problem = await assertProblem(response, 500, "internal");
  assertEquals(JSON.stringify(problem).includes("secret"), false);
  assertEquals(typeof problem["id"], "string");
});

Deno.test("a control call with a key that failed before says so, and that it was not done anew", async () => {
  await using fixture = await appFixture();
  const { id } = fixture.jobs.add();
  const error = { type: "UnavailableError", message: "the server ended before the answer" };
  fixture.jobs.command = () =>
    Promise.resolve({
      command_id: "cmd-1",
      receipt: Promise.resolve({
        command_id: "cmd-1",
        command: "report",
        job: id,
        status: "failed" as const,
        requested_at_step: 3,
        applied_at_step: null,
        error,
      }),
      replayed: true,
    });
  const response = await fixture.send("POST", `/jobs/${id}/report`, {}, { "Idempotency-Key": "r" });
  assertEquals(response.headers.get("Idempotency-Replayed"), "true");
  await assertProblem(response, 422, "command-failed", {
    code: "failed_before",
    command_id: "cmd-1",
  });
});

Deno.test("a health check that there is not is a 404 that names those there are", async () => {
  await using fixture = await appFixture();
  const { id } = fixture.jobs.add();
  const response = await fixture.send("POST", `/jobs/${id}/health/pulse`);
  await assertProblem(response, 404, "not-found", { what: "health check", id: "pulse" });
});

Deno.test("htmx gets the same problem as a fragment, with nothing of it as markup", async () => {
  await using fixture = await appFixture();
  const { id } = fixture.jobs.add();
  const response = await fixture.send("POST", `/jobs/${id}/rewind`, { "<b>": 1, checkpoint: 1 }, {
    "HX-Request": "true",
  });
  assertEquals(response.status, 422);
  assertEquals(response.headers.get("Content-Type"), "text/html; charset=UTF-8");
  const text = await response.text();
  assertEquals(text.includes('role="alert"'), true);
  assertEquals(text.includes("<b>"), false);
  assertEquals(text.includes("&lt;b&gt;"), true);
});
