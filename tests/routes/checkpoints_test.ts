import { assertEquals } from "@std/assert";
import type { CheckpointRecord } from "../../jobs/job.ts";
import { type AppFixture, appFixture } from "../fixtures/app_fixture.ts";
import { assertJson, assertProblem } from "../fixtures/assert_problem.ts";

const SHA = "ab".repeat(32);

/** A job with two checkpoints, the second with these bytes in its file. */
async function withCheckpoints(fixture: AppFixture, text: string, runName = "baseline") {
  const { id } = fixture.jobs.add({ run_name: runName });
  const file = `${fixture.dataDir}/2.safetensors`;
  await Deno.writeTextFile(file, text);
  for (const checkpoint of [1, 2]) {
    const record: CheckpointRecord = {
      job: id,
      checkpoint,
      take: 1,
      attempt: 1,
      step: checkpoint * 50,
      axis_step: checkpoint * 50,
      epoch: 0,
      path: `checkpoints/1/00000${checkpoint}.safetensors`,
      bytes: text.length,
      sha256: SHA,
      reason: "cadence",
      label: null,
      pinned_by: [],
      created_at: 1,
      seq: checkpoint,
    };
    fixture.jobs.records.push({ ...record, file });
  }
  return `/jobs/${id}/checkpoints`;
}

Deno.test("GET /jobs/{id}/checkpoints lists the newest first", async () => {
  await using fixture = await appFixture();
  const path = await withCheckpoints(fixture, "x");
  const { items, next_cursor } = await assertJson(await fixture.app.request(path));
  const list = items as (CheckpointRecord & { links: unknown })[];
  assertEquals(list.map((record) => record.checkpoint), [2, 1]);
  assertEquals(list[0]!.links, { self: `${path}/2` });
  assertEquals(next_cursor, null);
});

Deno.test("GET a checkpoint streams its file under a name that tells what it is", async () => {
  await using fixture = await appFixture();
  const text = "0123456789".repeat(100_000);
  const path = await withCheckpoints(fixture, text, 'naïve "run"');
  const response = await fixture.app.request(`${path}/2`);
  assertEquals(response.status, 200);
  assertEquals(response.headers.get("Content-Type"), "application/octet-stream");
  assertEquals(response.headers.get("Content-Length"), String(text.length));
  assertEquals(response.headers.get("ETag"), `"${SHA}"`);
  assertEquals(
    response.headers.get("Content-Disposition"),
    `attachment; filename="na_ve _run_-step100.safetensors"; ` +
      "filename*=UTF-8''na%C3%AFve%20%22run%22-step100.safetensors",
  );
  assertEquals(await response.text() === text, true);
});

Deno.test("HEAD tells of a checkpoint without its bytes; a known one is a 304", async () => {
  await using fixture = await appFixture();
  const path = await withCheckpoints(fixture, "0123456789");
  const head = await fixture.app.request(`${path}/2`, { method: "HEAD" });
  assertEquals([head.status, head.headers.get("Content-Length")], [200, "10"]);
  assertEquals(await head.text(), "");
  const known = { "If-None-Match": `"${SHA}"` };
  const response = await fixture.app.request(`${path}/2`, { headers: known });
  assertEquals([response.status, await response.text()], [304, ""]);
});

Deno.test("Range gives a part of a checkpoint", async () => {
  await using fixture = await appFixture();
  const path = await withCheckpoints(fixture, "0123456789");
  const get = (Range: string, more: Record<string, string> = {}) =>
    fixture.app.request(`${path}/2`, { headers: { Range, ...more } });
  const parts = [["bytes=2-4", "234", "2-4"], ["bytes=7-", "789", "7-9"], [
    "bytes=-2",
    "89",
    "8-9",
  ], ["bytes=5-99", "56789", "5-9"]];
  for (const [range, text, at] of parts) {
    const response = await get(range!);
    assertEquals(response.status, 206);
    assertEquals(response.headers.get("Content-Range"), `bytes ${at}/10`);
    assertEquals(response.headers.get("Content-Length"), String(text!.length));
    assertEquals(await response.text(), text);
  }
  for (const range of ["bytes=4-2", "lines=1-2", "bytes=0-1,3-4", "bytes=-"]) {
    const response = await get(range);
    assertEquals([response.status, await response.text()], [200, "0123456789"]);
  }
  const changed = await get("bytes=2-4", { "If-Range": '"other"' });
  assertEquals([changed.status, await changed.text()], [200, "0123456789"]);
  await assertProblem(await get("bytes=10-"), 416, "range-not-satisfiable", { size: 10 });
});

Deno.test("a checkpoint that is not there is a 404", async () => {
  await using fixture = await appFixture();
  const path = await withCheckpoints(fixture, "x");
  for (const number of ["3", "0", "-1", "1.5", "x", "..%2F..%2Fetc"]) {
    const response = await fixture.app.request(`${path}/${number}`);
    await assertProblem(response, 404, "not-found", { what: "checkpoint" });
  }
});
