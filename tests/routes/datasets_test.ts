import { assertEquals } from "@std/assert";
import type { ProblemSlug } from "../../routes/problem.ts";
import { appFixture } from "../fixtures/app_fixture.ts";
import { assertJson, assertProblem } from "../fixtures/assert_problem.ts";

function put(path: string, body: BodyInit, headers: Record<string, string> = {}) {
  return [path, { method: "PUT", body, headers }] as const;
}

Deno.test("PUT /datasets/{name} keeps the body as a file, and GET gives it back", async () => {
  await using fixture = await appFixture();
  const { app } = fixture;
  const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => i % 251);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const digest = { "Content-Digest": `sha-256=:${hash.toBase64()}:` };
  const response = await app.request(...put("/datasets/digits?file=train.npy", bytes, digest));
  assertEquals(response.status, 201);
  assertEquals(response.headers.get("Location"), "/datasets/digits");
  const dataset = await response.json();
  assertEquals(dataset.files, [{ name: "train.npy", bytes: 100_000, sha256: hash.toHex() }]);
  assertEquals(dataset.links.content, "/datasets/digits/content");

  const again = await app.request(...put("/datasets/digits?file=train.npy", bytes));
  assertEquals([again.status, (await again.json()).sha256], [200, dataset.sha256]);
  const one = await assertJson(await app.request("/datasets/digits"));
  assertEquals(one["sha256"], dataset.sha256);
  const list = await assertJson(await app.request("/datasets"));
  assertEquals((list["items"] as { name: string; files: number }[])[0]!.files, 1);

  const whole = await app.request("/datasets/digits/content");
  assertEquals(await whole.bytes(), bytes);
  const headers = { Range: "bytes=10-19" };
  const range = await app.request("/datasets/digits/content?file=train.npy", { headers });
  assertEquals([range.status, range.headers.get("Content-Range")], [206, "bytes 10-19/100000"]);
  assertEquals(await range.bytes(), bytes.slice(10, 20));
  assertEquals((await app.request("/datasets/digits", { method: "DELETE" })).status, 204);
  await assertProblem(await app.request("/datasets/digits"), 404, "not-found");
  assertEquals(await fixture.uploads(), 0);
});

Deno.test("PUT /datasets/{name} takes a form of files in folders", async () => {
  await using fixture = await appFixture();
  const { app } = fixture;
  const form = new FormData();
  form.append("file", new Blob(["meow"]), "cats/1.png");
  form.append("file", new Blob(["woof"]), "dogs/1.png");
  const created = await app.request(...put("/datasets/pets", form));
  const { files } = await created.json() as { files: { name: string }[] };
  assertEquals(files.map(({ name }) => name), ["cats/1.png", "dogs/1.png"]);
  const dog = await app.request("/datasets/pets/content?file=dogs/1.png");
  assertEquals(await dog.text(), "woof");
  const which = await assertProblem(
    await app.request("/datasets/pets/content"),
    422,
    "unprocessable",
  );
  assertEquals(which["field"], "file");
  await assertProblem(
    await app.request("/datasets/pets/content?file=../dataset.json"),
    404,
    "not-found",
  );
});

Deno.test("PUT /datasets/{name} that is refused leaves nothing behind", async (t) => {
  await using fixture = await appFixture({ ONTHEFLY_DATASET_QUOTA: "1KiB" });
  const { app } = fixture;
  const large = new Uint8Array(2_000);
  const cases: [string, readonly [string, RequestInit], number, ProblemSlug, string][] = [
    [
      "past the quota",
      put("/datasets/d", large),
      413,
      "too-large",
      "ONTHEFLY_DATASET_QUOTA) leaves 1024 bytes",
    ],
    [
      "digest",
      put("/datasets/d", "x", { "Content-Digest": "sha-256=:AAAA:" }),
      422,
      "unprocessable",
      "SHA-256 is",
    ],
    ["name", put("/datasets/.d", "x"), 422, "unprocessable", "name:"],
    ["file name", put("/datasets/d?file=../x", "x"), 422, "unprocessable", "file"],
    ["query", put("/datasets/d?name=x", "x"), 422, "unprocessable", "name"],
  ];
  for (const [name, request, status, slug, detail] of cases) {
    await t.step(name, async () => {
      const problem = await assertProblem(await app.request(...request), status, slug);
      assertEquals(String(problem["detail"]).includes(detail), true, String(problem["detail"]));
    });
  }
  await t.step("cut off", async () => {
    let chunks = 0;
    const body = new ReadableStream({
      pull(controller) {
        if (chunks++ === 1) controller.error(new Error("the client left"));
        else controller.enqueue(new Uint8Array(10));
      },
    });
    await assertProblem(await app.request(...put("/datasets/d", body)), 400, "malformed-request");
  });
  assertEquals(await fixture.uploads(), 0);
});

Deno.test("DELETE and PUT /datasets/{name} answer 409 while a job that has not ended uses it", async () => {
  await using fixture = await appFixture();
  const { app, jobs } = fixture;
  await app.request(...put("/datasets/d", "one"));
  const datasets = [{ name: "d", sha256: null }];
  jobs.add({ state: "completed", datasets });
  const job = jobs.add({ state: "parked", datasets });
  const problem = await assertProblem(
    await app.request("/datasets/d", { method: "DELETE" }),
    409,
    "conflict",
  );
  assertEquals(problem["jobs"], [job.id]);
  await assertProblem(await app.request(...put("/datasets/d", "two")), 409, "conflict");
  jobs.manifests.set(job.id, { ...job, state: "stopped" });
  assertEquals((await app.request(...put("/datasets/d", "two"))).status, 200);
  assertEquals((await app.request("/datasets/d", { method: "DELETE" })).status, 204);
});

Deno.test("POST /jobs takes the names of datasets in each of its forms", async () => {
  await using fixture = await appFixture();
  const { app, jobs, send } = fixture;
  await send("POST", "/jobs", { module: "export default 1", datasets: ["a", "b"] });
  const form = new FormData();
  form.append("module", "export default 1");
  form.append("datasets", "a, b");
  await app.request("/jobs", { method: "POST", body: form });
  const headers = { "Content-Type": "application/typescript" };
  const body = "export default 1";
  await app.request("/jobs?datasets=a,b", { method: "POST", body, headers });
  assertEquals(
    jobs.asked.map((asked) => asked.call === "submit" && asked.submission.datasets),
    [["a", "b"], ["a", "b"], ["a", "b"]],
  );
  const twice = await send("POST", "/jobs", { module: "1", datasets: ["a", "a"] });
  assertEquals((await assertProblem(twice, 422, "unprocessable"))["field"], "datasets");
});
