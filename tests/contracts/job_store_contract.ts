/** What every job store must do, whatever it keeps its records in. */
import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { ConflictError, NotFoundError, UnprocessableError } from "../../jobs/errors.ts";
import type { CheckpointRecord, JobManifest, JobState } from "../../jobs/job.ts";
import type { JobStore } from "../../jobs/storage/job_store.ts";
import { memoryManifest } from "../fixtures/memory_manifest.ts";

let made = 0;

/** A root's manifest; every one is a millisecond younger than the one before. */
export function manifest(over: Partial<JobManifest> = {}): JobManifest {
  made++;
  const [project, session] = [`project-${made}`, `sess-${made}`];
  return memoryManifest(made, { project, session, run_name: "baseline", state: "queued", ...over });
}

function checkpoint(job: string, number: number, pinned_by: string[] = []): CheckpointRecord {
  return {
    job,
    checkpoint: number,
    take: 1,
    attempt: 1,
    step: number * 10,
    axis_step: number * 10,
    epoch: 0,
    path: `checkpoints/1/${String(number).padStart(6, "0")}.safetensors`,
    bytes: 100,
    sha256: "c".repeat(64),
    reason: "cadence",
    label: null,
    pinned_by,
    created_at: 1,
    seq: number,
  };
}

function receipt(job: string, command_id: string, status: "pending" | "applied") {
  const applied_at_step = status === "applied" ? 7 : null;
  return { command_id, command: "pause", job, status, requested_at_step: 5, applied_at_step, x: 1 };
}

async function idsOf(store: JobStore, query: Parameters<JobStore["list"]>[0]): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  for (;;) {
    const page = await store.list({ ...query, cursor });
    ids.push(...page.items.map((item) => item.id));
    if (page.next_cursor === null) return ids;
    cursor = page.next_cursor;
  }
}

type Criterion = (store: JobStore) => Promise<void>;

/** Each criterion by the name its test gets. */
export const JOB_STORE_CRITERIA: Record<string, Criterion> = {
  "nothing is under an id of any length, and nothing fails": async (store) => {
    const endless = "a".repeat(5_000);
    assertEquals(await store.get(endless), null);
    assertEquals(await store.ofSession(endless), []);
    assertEquals(await store.receipt("job-1", endless), null);
    assertEquals(await store.checkpoints(endless), []);
    assertEquals(await idsOf(store, { session: endless, limit: 5 }), []);
    assertEquals(await idsOf(store, { project: endless, limit: 5 }), []);
  },
  "create() and get() give the manifest back, whole": async (store) => {
    const job = manifest({
      spawn: { kind: "merge", strategy: "weighted", params: { weights: [1, 2] } },
      error: { message: "é 🎈", stack: null, phase: "data", cause: "exit" },
    });
    assertEquals(await store.create(job), job);
    assertEquals(await store.get(job.id), job);
    assertEquals(await store.get("job-unknown"), null);
  },

  "createAll() writes several jobs, their names and their key, or none": async (store) => {
    const root = await store.create(manifest());
    const { session, project } = root;
    const child = () =>
      manifest({ session, project, kind: "fork", parents: [root.id], run_name: "twin" });
    const key = { scope: root.id, key: "k", fingerprint: "f" };
    const [one, other] = await store.createAll([child(), child()], key);
    assertEquals([one!.run_name, other!.run_name], ["twin", "twin-2"]);
    assertEquals((await store.ofSession(session)).map(({ id }) => id), [
      root.id,
      one!.id,
      other!.id,
    ]);
    const { result } = (await store.key(root.id, "k"))!;
    assertEquals(result, `${one!.id} ${other!.id}`);
    const third = child();
    await assertRejects(() => store.createAll([third, one!]), ConflictError, one!.id);
    assertEquals(await store.get(third.id), null);
    await store.delete(other!.id);
    assertEquals(await store.key(root.id, "k"), null);
  },

  "create() numbers a root's name within its project and a child's within its session": async (
    store,
  ) => {
    const first = await store.create(manifest({ project: "p" }));
    const second = await store.create(manifest({ project: "p" }));
    const third = await store.create(manifest({ project: "p" }));
    const elsewhere = await store.create(manifest({ project: "q" }));
    const { session } = first;
    const child = { kind: "fork" as const, project: "p", session, parents: [first.id] };
    const fork = await store.create(manifest({ ...child, run_name: "baseline-2" }));
    const twin = await store.create(manifest({ ...child, run_name: "baseline" }));
    const inOther = { ...child, session: second.session };
    const cousin = await store.create(manifest({ ...inOther, run_name: "baseline" }));
    assertEquals([first, second, third, elsewhere].map((job) => job.run_name), [
      "baseline",
      "baseline-2",
      "baseline-3",
      "baseline",
    ]);
    assertEquals([fork.run_name, twin.run_name, cousin.run_name], [
      "baseline-2",
      "baseline-3",
      "baseline",
    ]);
  },

  "create() many at once gives every root a name of its own": async (store) => {
    const jobs = Array.from({ length: 12 }, () => manifest({ project: "crowd" }));
    const created = await Promise.all(jobs.map((job) => store.create(job)));
    const names = new Set(created.map((job) => job.run_name));
    assertEquals(names.size, 12);
    const stored = await Promise.all(jobs.map((job) => store.get(job.id)));
    assertEquals(stored.map((job) => job?.run_name), created.map((job) => job.run_name));
  },

  "create() with a key binds it, and one of two at once is a conflict": async (store) => {
    const key = { scope: "jobs", key: "k1", fingerprint: "f1" };
    const job = await store.create(manifest(), key);
    assertEquals(await store.key("jobs", "k1"), { fingerprint: "f1", result: job.id });
    assertEquals(await store.key("elsewhere", "k1"), null);
    const late = manifest();
    await assertRejects(() => store.create(late, key), ConflictError, "k1");
    assertEquals(await store.get(late.id), null);

    const racers = [manifest(), manifest(), manifest()];
    const racing = { scope: "jobs", key: "k2", fingerprint: "f2" };
    const ends = await Promise.allSettled(racers.map((racer) => store.create(racer, racing)));
    assertEquals(ends.map((end) => end.status).sort(), ["fulfilled", "rejected", "rejected"]);
    const found = await Promise.all(racers.map((racer) => store.get(racer.id)));
    assertEquals(found.filter((one) => one !== null).map((one) => one.id), [
      (await store.key("jobs", "k2"))?.result ?? "",
    ]);
  },

  "create() refuses an id that is there": async (store) => {
    const job = await store.create(manifest());
    await assertRejects(() => store.create(manifest({ id: job.id })), ConflictError, job.id);
  },

  "create() and put() name the field that is too large": async (store) => {
    const config = { text: "x".repeat(70_000) };
    const large = manifest({ config });
    const refused = await assertRejects(() => store.create(large), UnprocessableError, "64 KiB");
    assertEquals(refused.field, "config");
    assertEquals(await store.get(large.id), null);
    const job = await store.create(manifest());
    await assertRejects(() => store.put({ ...job, config }), UnprocessableError, "config");
    assertEquals(await store.get(job.id), job);
  },

  "put() moves a job between states, and refuses one that is behind or gone": async (store) => {
    const job = await store.create(manifest());
    const { project } = job;
    await store.put({ ...job, state: "running", step: 5, seq: 10 });
    await store.put({ ...job, state: "running", step: 6, seq: 10 });
    await assertRejects(() => store.put({ ...job, state: "failed", seq: 9 }), ConflictError);
    assertEquals((await store.get(job.id))?.step, 6);
    assertEquals(await idsOf(store, { state: "running", project, limit: 5 }), [job.id]);
    assertEquals(await idsOf(store, { state: "queued", project, limit: 5 }), []);
    await store.delete(job.id);
    await assertRejects(() => store.put({ ...job, seq: 11 }), NotFoundError);
    assertEquals(await store.get(job.id), null);
  },

  "put() many at once leaves one state, in its index alone": async (store) => {
    const job = await store.create(manifest());
    const states: JobState[] = ["starting", "running", "paused", "parked", "failed", "stopped"];
    await Promise.all(states.map((state) => store.put({ ...job, state, seq: 1 })));
    const state = (await store.get(job.id))?.state;
    for (const each of [...states, "queued" as const]) {
      const expected = each === state ? [job.id] : [];
      assertEquals(await idsOf(store, { state: each, project: job.project, limit: 5 }), expected);
    }
  },

  "put() many at once never lets an older one over a newer one": async (store) => {
    const job = await store.create(manifest());
    const seqs = [9, 8, 7, 6, 5, 4, 3, 2, 1];
    const ends = await Promise.allSettled(seqs.map((seq) => store.put({ ...job, seq, step: seq })));
    assertEquals(ends[0]?.status, "fulfilled");
    assertEquals((await store.get(job.id))?.step, 9);
  },

  "list() pages newest first, narrowed by session, state and project, alone and together": async (
    store,
  ) => {
    const states = ["queued", "running", "completed"] as const;
    const jobs: JobManifest[] = [];
    for (let n = 0; n < 60; n++) {
      const state = states[n % 3]!;
      const session = `list-s${n % 4}`;
      const kind = "fork" as const;
      jobs.push(
        await store.create(manifest({ state, session, kind, project: `list-p${n % 2}` })),
      );
    }
    jobs.reverse();
    const queries = [
      { project: "list-p0" },
      { session: "list-s1" },
      { session: "list-s1", state: "running" as const },
      { project: "list-p1", state: "completed" as const },
      { project: "list-p1", session: "list-s3", state: "queued" as const },
      { project: "list-p0", session: "list-s3" },
      { session: "nobody" },
    ];
    for (const query of queries) {
      const expected = jobs.filter((job) =>
        job.project === (query.project ?? job.project) &&
        job.session === (query.session ?? job.session) && job.state === (query.state ?? job.state)
      ).map((job) => job.id);
      for (const limit of [1, 7, 15, 100]) {
        assertEquals(await idsOf(store, { ...query, limit }), expected);
      }
    }
    const all = await idsOf(store, { limit: 9 });
    assertEquals(all.slice(0, 60), jobs.map((job) => job.id));
    assertEquals(new Set(all).size, all.length);
    assertEquals((await store.list({ session: "list-s1", limit: 15 })).next_cursor, null);
  },

  "list() goes on where it was when jobs come and go between pages": async (store) => {
    const project = "moving";
    const jobs: JobManifest[] = [];
    for (let n = 0; n < 6; n++) jobs.push(await store.create(manifest({ project })));
    const [a, b, c, d, , f] = jobs.map((job) => job.id);
    const first = await store.list({ project, limit: 2 });
    assertEquals(first.items.map((job) => job.id), [f, jobs[4]!.id]);
    await store.create(manifest({ project }));
    await store.delete(jobs[4]!.id);
    await store.delete(c!);
    const second = await store.list({ project, limit: 2, cursor: first.next_cursor ?? undefined });
    assertEquals(second.items.map((job) => job.id), [d, b]);
    const third = await store.list({ project, limit: 2, cursor: second.next_cursor ?? undefined });
    assertEquals([third.items.map((job) => job.id), third.next_cursor], [[a], null]);
  },

  "list() refuses a cursor that no page gave": async (store) => {
    for (const cursor of ["", "garbage", "WzFd", "\u0000", "e30"]) {
      const refused = await assertRejects(
        () => store.list({ limit: 5, cursor }),
        UnprocessableError,
      );
      assertEquals(refused.field, "cursor");
    }
  },

  "ofSession() and all() give every job": async (store) => {
    const root = await store.create(manifest());
    const fork = await store.create(manifest({ session: root.session, kind: "fork" }));
    assertEquals(await store.ofSession(root.session), [root, fork]);
    assertEquals(await store.ofSession("nobody"), []);
    const ids = await Array.fromAsync(store.all(), (job) => job.id);
    assertEquals(ids.includes(root.id) && ids.includes(fork.id), true);
  },

  "delete() frees the name and the key, and leaves nothing of the job": async (store) => {
    const key = { scope: "jobs", key: "again", fingerprint: "f" };
    const job = await store.create(manifest({ project: "short" }), key);
    const neighbour = await store.create(manifest({ id: `${job.id}0`, project: "short" }));
    for (let n = 1; n <= 250; n++) await store.putReceipt(receipt(job.id, `c${n}`, "applied"));
    await store.putCheckpoint(checkpoint(job.id, 1));
    await store.putCheckpoint(checkpoint(neighbour.id, 1));
    await store.claimKey(`${job.id}/pause`, { key: "p", fingerprint: "f" }, "command-1");
    await store.claimKey("fork", { key: "p", fingerprint: "f" }, null);
    await store.settleKey("fork", "p", job.id);
    await store.delete(job.id);
    await store.delete(job.id);
    assertEquals(await store.get(job.id), null);
    assertEquals([await store.checkpoints(job.id), await store.receipts(job.id)], [[], []]);
    assertEquals(await store.key("jobs", "again"), null);
    assertEquals([await store.key(`${job.id}/pause`, "p"), await store.key("fork", "p")], [
      null,
      null,
    ]);
    assertEquals(await idsOf(store, { project: "short", limit: 5 }), [neighbour.id]);
    assertEquals(await store.checkpoints(neighbour.id), [checkpoint(neighbour.id, 1)]);
    const next = await store.create(manifest({ project: "short" }), key);
    assertEquals(next.run_name, "baseline");
  },

  "putCheckpoint() keeps records by number, the newest write of each": async (store) => {
    const { id } = await store.create(manifest());
    for (const number of [2, 11, 1]) await store.putCheckpoint(checkpoint(id, number));
    await store.putCheckpoint(checkpoint(id, 2, ["job-child"]));
    const numbers = (await store.checkpoints(id)).map((record) => record.checkpoint);
    assertEquals(numbers, [1, 2, 11]);
    assertEquals((await store.checkpoint(id, 2))?.pinned_by, ["job-child"]);
    await store.deleteCheckpoint(id, 2);
    assertEquals([await store.checkpoint(id, 2), await store.checkpoint(id, 3)], [null, null]);
  },

  "putReceipt() keeps what a receipt carries, in the order of the requests": async (store) => {
    const { id } = await store.create(manifest());
    await store.putReceipt(receipt(id, "z", "pending"));
    await tick();
    await store.putReceipt(receipt(id, "a", "pending"));
    await tick();
    await store.putReceipt(receipt(id, "z", "applied"));
    assertEquals(await store.receipts(id), [
      receipt(id, "z", "applied"),
      receipt(id, "a", "pending"),
    ]);
    assertEquals(await store.receipt(id, "z"), receipt(id, "z", "applied"));
    assertEquals(await store.receipt(id, "b"), null);
  },

  "claimKey() binds a free key once, settleKey() names its result or frees it": async (store) => {
    const idempotency = { key: "claimed", fingerprint: "f" };
    const claims = await Promise.all(
      [1, 2, 3].map(() => store.claimKey("scope", idempotency, null)),
    );
    assertEquals(claims.filter((won) => won).length, 1);
    assertEquals(await store.key("scope", "claimed"), { fingerprint: "f", result: null });
    await store.settleKey("scope", "claimed", "command-7");
    assertEquals(await store.key("scope", "claimed"), { fingerprint: "f", result: "command-7" });
    assertEquals(await store.claimKey("scope", idempotency, null), false);
    await store.settleKey("scope", "claimed", null);
    assertEquals(await store.key("scope", "claimed"), null);
    assertEquals(await store.claimKey("scope", idempotency, "command-8"), true);
    await assertRejects(() => store.settleKey("scope", "unknown", "x"), NotFoundError);
    assertNotEquals(await store.key("scope", "claimed"), null);
  },
};

/** Until the clock shows another millisecond. */
async function tick(): Promise<void> {
  for (const began = Date.now(); Date.now() === began;) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
