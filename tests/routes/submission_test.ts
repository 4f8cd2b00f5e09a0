import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Submission } from "../../jobs/control_plane.ts";
import { type AppFixture, appFixture } from "../fixtures/app_fixture.ts";
import { assertJson, assertProblem } from "../fixtures/assert_problem.ts";

const MODULE = 'import { defineJob } from "onthefly";\nexport default defineJob({});\n';

function postModule(app: AppFixture["app"], query = "", body: BodyInit = MODULE) {
  const headers = { "Content-Type": "application/typescript" };
  return app.request(`/jobs${query}`, { method: "POST", body, headers });
}

function postForm(
  app: AppFixture["app"],
  parts: Record<string, string | File | (string | File)[]>,
) {
  const form = new FormData();
  for (const [name, value] of Object.entries(parts)) {
    for (const one of [value].flat()) form.append(name, one);
  }
  return app.request("/jobs", { method: "POST", body: form });
}

/** A multipart body as its bytes are, for names that FormData would escape. */
function postRaw(app: AppFixture["app"], text: string, boundary = "XX") {
  return app.request("/jobs", {
    method: "POST",
    body: text,
    headers: { "Content-Type": `multipart/form-data; boundary=${boundary}` },
  });
}

function jsonRequest(body: unknown): RequestInit {
  const headers = { "Content-Type": "application/json" };
  return { method: "POST", body: JSON.stringify(body), headers };
}

function rawPart(disposition: string, content: string): string {
  return `--XX\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${content}\r\n`;
}

function submitted(fixture: AppFixture): Submission {
  const [asked] = fixture.jobs.asked;
  if (asked?.call !== "submit") throw new Error("nothing was submitted");
  return asked.submission;
}

Deno.test("POST /jobs as TypeScript takes config and names from the query", async () => {
  await using fixture = await appFixture();
  const query = "?max_epochs=3&lr=1e-3&test_after=true&ckpt_every_steps=null" +
    "&on_non_finite=raise&project=digits&run_name=first%20try";
  const response = await postModule(fixture.app, query);
  const body = await assertJson(response, 201);
  assertEquals(response.headers.get("Location"), `/jobs/${body["id"]}`);
  const { module, config, project, runName, owner, files } = submitted(fixture);
  assertEquals(module, { name: "module.ts", source: MODULE });
  assertEquals(config, {
    maxEpochs: 3,
    lr: 1e-3,
    testAfter: true,
    ckptEverySteps: null,
    onNonFinite: "raise",
  });
  assertEquals([project, runName, owner, files], ["digits", "first try", "local", []]);
});

Deno.test("POST /jobs as multipart streams files to disk with their hash", async () => {
  let seen: unknown;
  await using fixture = await appFixture();
  const { submit } = fixture.jobs;
  fixture.jobs.submit = async function (submission, idempotency) {
    const [file] = submission.files;
    seen = { ...file, path: await Deno.readTextFile(file!.path) };
    return await submit.call(this, submission, idempotency);
  };
  const response = await postForm(fixture.app, {
    module: new File([MODULE], "xor.ts"),
    config: '{"max_epochs": 2}',
    project: "xor",
    run_name: "one",
    data: new File(["a,b\n"], "data.csv"),
    more: new File(["export const n = 1;\n"], "lib/net.ts"),
  });
  await assertJson(response, 201);
  assertEquals(seen, {
    name: "data.csv",
    path: "a,b\n",
    bytes: 4,
    sha256: await sha256("a,b\n"),
  });
  const { module, extraModules, config, project, runName } = submitted(fixture);
  assertEquals(module, { name: "xor.ts", source: MODULE });
  assertEquals(extraModules, [{ name: "lib/net.ts", source: "export const n = 1;\n" }]);
  assertEquals([config, project, runName], [{ maxEpochs: 2 }, "xor", "one"]);
  assertEquals(await fixture.uploads(), 0);
});

Deno.test("POST /jobs as JSON decodes base64 files", async () => {
  await using fixture = await appFixture();
  const body = { module: MODULE, config: { seed: 7 }, files: { "d.bin": btoa("hello") } };
  await assertJson(await fixture.send("POST", "/jobs", body), 201);
  const { config, files } = submitted(fixture);
  assertEquals(config, { seed: 7 });
  assertEquals(files.map(({ name, bytes, sha256 }) => ({ name, bytes, sha256 })), [
    { name: "d.bin", bytes: 5, sha256: await sha256("hello") },
  ]);
});

Deno.test("POST /jobs takes permissions and priority in every form", async () => {
  const permissions = { read: ["/data/pets"], net: ["example.com:443"] };
  const text = JSON.stringify(permissions);
  const query = `?priority=-3&permissions=${encodeURIComponent(text)}`;
  const json = { module: MODULE, permissions, priority: -3 };
  const forms = [
    (app: AppFixture["app"]) => postModule(app, query),
    (app: AppFixture["app"]) =>
      postForm(app, { module: new File([MODULE], "a.ts"), permissions: text, priority: "-3" }),
    (app: AppFixture["app"]) => app.request("/jobs", jsonRequest(json)),
  ];
  for (const post of forms) {
    await using fixture = await appFixture();
    await assertJson(await post(fixture.app), 201);
    const submission = submitted(fixture);
    assertEquals([submission.permissions, submission.priority], [permissions, -3]);
  }
});

Deno.test("POST /jobs names what is wrong with permissions or a priority", async () => {
  await using fixture = await appFixture();
  const cases: [Record<string, unknown>, string][] = [
    [{ permissions: { read: ["pets"] } }, "permissions.read.0"],
    [{ permissions: { net: ["https://example.com"] } }, "permissions.net.0"],
    [{ permissions: { write: ["/data"] } }, "permissions.write"],
    [{ priority: 1_000 }, "priority"],
    [{ priority: "high" }, "priority"],
  ];
  for (const [fields, field] of cases) {
    const response = await fixture.app.request("/jobs", jsonRequest({ module: MODULE, ...fields }));
    await assertProblem(response, 422, "unprocessable", { field });
  }
  const broken = await postModule(fixture.app, "?permissions=all");
  await assertProblem(broken, 400, "malformed-request");
});

Deno.test("POST /jobs fingerprints what was asked, whichever way it was sent", async () => {
  await using fixture = await appFixture();
  const headers = { "Idempotency-Key": "k1" };
  const files = { a: btoa("1"), b: btoa("2") };
  const send = (body: unknown) => fixture.send("POST", "/jobs", body, headers);
  await assertJson(await send({ module: MODULE, files, config: { seed: 1, lr: 2 } }), 201);
  await assertJson(
    await send({
      config: { lr: 2, seed: 1 },
      module: MODULE,
      files: { b: files.b, a: files.a },
    }),
    201,
  );
  await assertJson(await send({ module: MODULE, files, config: { seed: 2, lr: 2 } }), 201);
  const keys = fixture.jobs.asked.map((asked) => asked.idempotency!);
  assertEquals(keys.map(({ key }) => key), ["k1", "k1", "k1"]);
  assertEquals(keys[0]!.fingerprint, keys[1]!.fingerprint);
  assertEquals(keys[0]!.fingerprint === keys[2]!.fingerprint, false);
});

Deno.test("POST /jobs refuses an Idempotency-Key that cannot be one", async () => {
  await using fixture = await appFixture();
  const headers = { "Idempotency-Key": "a b" };
  const response = await fixture.send("POST", "/jobs", { module: MODULE }, headers);
  await assertProblem(response, 400, "malformed-request", { field: "Idempotency-Key" });
});

Deno.test("POST /jobs refuses an empty body in every form", async () => {
  await using fixture = await appFixture();
  const empty = { field: "module" };
  await assertProblem(await postModule(fixture.app, "", ""), 400, "malformed-request", empty);
  await assertProblem(await postModule(fixture.app, "", " \n"), 400, "malformed-request", empty);
  const json = { method: "POST", headers: { "Content-Type": "application/json" } };
  const response = await fixture.app.request("/jobs", json);
  await assertProblem(response, 400, "malformed-request", empty);
  await assertProblem(await postRaw(fixture.app, ""), 400, "malformed-request");
  await assertProblem(await postForm(fixture.app, { config: "{}" }), 422, "unprocessable", empty);
  assertEquals(fixture.jobs.asked, []);
});

Deno.test("POST /jobs refuses another content type, and says which it takes", async () => {
  await using fixture = await appFixture();
  for (const type of ["text/html", "application/x-www-form-urlencoded", undefined]) {
    const response = await fixture.app.request("/jobs", {
      method: "POST",
      body: new TextEncoder().encode(MODULE),
      headers: type === undefined ? {} : { "Content-Type": type },
    });
    const problem = await assertProblem(response, 415, "unsupported-media-type");
    assertStringIncludes(String(problem["detail"]), "application/typescript");
  }
});

Deno.test("POST /jobs refuses a body that is no JSON, no UTF-8, no object", async () => {
  await using fixture = await appFixture();
  const headers = { "Content-Type": "application/json" };
  const send = (body: BodyInit) => fixture.app.request("/jobs", { method: "POST", body, headers });
  await assertProblem(await send('{"module": '), 400, "malformed-request");
  await assertProblem(await send('{"config": {"lr": NaN}}'), 400, "malformed-request");
  await assertProblem(await send(new Uint8Array([0x22, 0xff, 0x22])), 400, "malformed-request");
  await assertProblem(await send("[1]"), 422, "unprocessable");
  await assertProblem(await send('"x"'), 422, "unprocessable");
});

Deno.test("POST /jobs refuses broken multipart and keeps nothing of it", async () => {
  await using fixture = await appFixture();
  const whole = rawPart('name="module"', MODULE) + rawPart('name="f"; filename="a.csv"', "1,2");
  const bodies = [
    "garbage",
    whole,
    `${whole}--XX\r\nContent-Disp`,
    `${whole}--XX\r\nContent-Disposition: form-data; name="b"; filename="b"\r\n\r\n12`,
  ];
  for (const body of bodies) {
    await assertProblem(await postRaw(fixture.app, body), 400, "malformed-request");
  }
  const response = await fixture.app.request("/jobs", {
    method: "POST",
    body: whole,
    headers: { "Content-Type": "multipart/form-data" },
  });
  await assertProblem(response, 400, "malformed-request");
  assertEquals(fixture.jobs.asked, []);
  assertEquals(await fixture.uploads(), 0);
});

Deno.test("POST /jobs refuses file names that lead anywhere else", async () => {
  await using fixture = await appFixture();
  const names = ["../x.csv", "a/../../x", "/etc/passwd", "a\0b", "..", ".", "..\\x", "a\nb", ".x"];
  for (const name of names) {
    const body = { module: MODULE, files: { [name]: btoa("1") } };
    await assertProblem(await fixture.send("POST", "/jobs", body), 422, "unprocessable", {
      field: "files",
    });
  }
  for (const name of ["../x.csv", "/etc/passwd", "a\0b", ".."]) {
    const body = rawPart('name="module"', MODULE) + rawPart(`name="f"; filename="${name}"`, "1");
    const response = await postRaw(fixture.app, `${body}--XX--\r\n`);
    await assertProblem(response, 422, "unprocessable", { field: "files" });
  }
  for (const name of ["../x.ts", "/x.ts", "a/../x.ts", "module.ts", "checkpoints/x.ts"]) {
    const body = { module: MODULE, modules: { [name]: "" } };
    await assertProblem(await fixture.send("POST", "/jobs", body), 422, "unprocessable", {
      field: "module",
    });
  }
  assertEquals(fixture.jobs.asked, []);
  assertEquals(await fixture.uploads(), 0);
});

Deno.test("POST /jobs refuses a part twice, a file twice, an unknown part", async () => {
  await using fixture = await appFixture();
  const module = new File([MODULE], "m.ts");
  const csv = (name: string) => new File(["1"], name);
  const cases: [Record<string, string | File | (string | File)[]>, string][] = [
    [{ module: [module, module] }, "module"],
    [{ module, config: ["{}", "{}"] }, "config"],
    [{ module, f: [csv("a.csv"), csv("A.csv")] }, "files"],
    [{ module, max_epochs: "3" }, "max_epochs"],
    [{ module, config: "[]" }, "config"],
    [{ module, config: '{"max_epochs":"x"}' }, "config.max_epochs"],
    [{ module, project: "a/b" }, "project"],
    [{ module, run_name: "" }, "run_name"],
  ];
  for (const [parts, field] of cases) {
    await assertProblem(await postForm(fixture.app, parts), 422, "unprocessable", { field });
  }
  const response = await postForm(fixture.app, { module, config: "{" });
  await assertProblem(response, 400, "malformed-request");
  assertEquals(await fixture.uploads(), 0);
});

Deno.test("POST /jobs names a bad config key, and the nearest known one", async () => {
  await using fixture = await appFixture();
  const cases: [string, string, string?][] = [
    ["maxEpochs=3", "config.maxEpochs", "max_epochs"],
    ["max_epoch=3", "config.max_epoch", "max_epochs"],
    ["batchsize=3", "config.batchsize", "batch_size"],
    ["colour=red", "config.colour"],
    ["max_epochs=abc", "config.max_epochs"],
    ["max_epochs=-1", "config.max_epochs"],
    ["max_epochs=1.5", "config.max_epochs"],
    ["max_epochs=", "config.max_epochs"],
    ["max_epochs=0x10", "config.max_epochs"],
    ["lr=1e308", "config.lr"],
    ["lr=1e999", "config.lr"],
    ["lr=NaN", "config.lr"],
    ["lr=Infinity", "config.lr"],
    ["lr=-1", "config.lr"],
    ["test_after=yes", "config.test_after"],
    ["seed=null", "config.seed"],
    ["seed=1&seed=2", "seed"],
  ];
  for (const [query, field, nearest] of cases) {
    const response = await postModule(fixture.app, `?${query}`);
    const problem = await assertProblem(response, 422, "unprocessable", { field });
    assertEquals(problem["did_you_mean"], nearest, query);
    assertStringIncludes(String(problem["detail"]), field);
  }
  assertEquals(fixture.jobs.asked, []);
});

Deno.test("POST /jobs names unknown keys and bad values of a JSON submission", async () => {
  await using fixture = await appFixture();
  const cases: [Record<string, unknown>, string][] = [
    [{ modul: MODULE }, "module"],
    [{ module: MODULE, modul: 1 }, "modul"],
    [{ module: 3 }, "module"],
    [{ module: MODULE, config: { lr: "x" } }, "config.lr"],
    [{ module: MODULE, config: { lr: 1e308 } }, "config.lr"],
    [{ module: MODULE, files: { "a.csv": "%%%" } }, "files.a.csv"],
    [{ module: MODULE, project: "" }, "project"],
  ];
  for (const [body, field] of cases) {
    const response = await fixture.send("POST", "/jobs", body);
    await assertProblem(response, 422, "unprocessable", { field });
  }
});

Deno.test("POST /jobs refuses a body over the limit before and while it arrives", async () => {
  await using fixture = await appFixture({ ONTHEFLY_MAX_UPLOAD: "64KiB" });
  const big = new File([new Uint8Array(100_000)], "big.bin");
  const limit = { limit: 65_536 };
  const form = await postForm(fixture.app, { module: new File([MODULE], "m.ts"), big });
  await assertProblem(form, 413, "too-large", limit);
  const chunked = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(new Uint8Array(1_024).fill(32));
    },
  });
  await assertProblem(await postModule(fixture.app, "", chunked), 413, "too-large", limit);
  assertEquals(await fixture.uploads(), 0);
});

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toHex();
}
