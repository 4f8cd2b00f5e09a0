import { assertEquals, assertRejects } from "@std/assert";
import { UnavailableError } from "../../jobs/errors.ts";
import { openJobStore } from "../../jobs/storage/job_store.ts";
import { RecordKv } from "../../jobs/storage/record_kv.ts";
import { JOB_STORE_CRITERIA, manifest } from "./job_store_contract.ts";

async function inFolder(use: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(`${folder}/kv.sqlite3`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const [name, criterion] of Object.entries(JOB_STORE_CRITERIA)) {
  Deno.test(`${name} (in memory)`, async () => {
    const store = await openJobStore(":memory:");
    try {
      await criterion(store);
    } finally {
      store.close();
    }
  });
}

Deno.test("every criterion of the job store holds on a file, in one store after the other", () =>
  inFolder(async (path) => {
    for (const criterion of Object.values(JOB_STORE_CRITERIA)) {
      const store = await openJobStore(path);
      try {
        for await (const { id } of store.all()) await store.delete(id);
        await criterion(store);
      } finally {
        store.close();
      }
    }
  }));

Deno.test("openJobStore() finds what was stored, and frees claims that were left open", () =>
  inFolder(async (path) => {
    const first = await openJobStore(path);
    const job = await first.create(manifest(), { scope: "jobs", key: "done", fingerprint: "f" });
    await first.claimKey("jobs", { key: "open", fingerprint: "f" }, null);
    first.close();
    const second = await openJobStore(path);
    assertEquals(await second.get(job.id), job);
    assertEquals((await second.key("jobs", "done"))?.result, job.id);
    assertEquals(await second.key("jobs", "open"), null);
    second.close();
  }));

Deno.test("delete() of a job that went through all its states leaves no key behind", () =>
  inFolder(async (path) => {
    const store = await openJobStore(path);
    const key = { scope: "jobs", key: "k", fingerprint: "f" };
    const job = await store.create(manifest(), key);
    for (const state of ["starting", "running", "completed"] as const) {
      await store.put({ ...job, state, seq: 1 });
    }
    await store.delete(job.id);
    store.close();
    const kv = await Deno.openKv(path);
    const keys = await Array.fromAsync(kv.list({ prefix: [] }), (entry) => entry.key);
    kv.close();
    assertEquals(keys, [["schema"]]);
  }));

Deno.test("openJobStore() refuses a newer schema", () =>
  inFolder(async (path) => {
    (await openJobStore(path)).close();
    const kv = await Deno.openKv(path);
    await kv.set(["schema"], 2);
    kv.close();
    await assertRejects(() => openJobStore(path), Error, "schema version 2");
  }));

Deno.test("get() names a record that cannot be read", () =>
  inFolder(async (path) => {
    const kv = await Deno.openKv(path);
    await kv.set(["job", "job-bad"], { v: 1, op: "x", value: { id: "job-bad" } });
    kv.close();
    const store = await openJobStore(path);
    await assertRejects(() => store.get("job-bad"), Error, "job/job-bad");
    store.close();
  }));

Deno.test("RecordKv gives up on a store that does not answer", async () => {
  const kv = await Deno.openKv(":memory:");
  const silent = Promise.withResolvers<Deno.KvEntryMaybe<unknown>>();
  // A stand-in for a network that swallows the call: a real remote store is not at hand here.
  kv.get = () => silent.promise as never;
  const store = new RecordKv(kv, 20);
  await assertRejects(() => store.get(["job", "a"], undefined as never), UnavailableError, "20 ms");
  kv.close();
});
