import { assert, assertEquals, assertRejects } from "@std/assert";
import { getLogger } from "@logtape/logtape";
import { CommandFailedError, ConflictError, UnavailableError } from "../../jobs/errors.ts";
import type { MetricsStore } from "../../jobs/events/metrics_store.ts";
import { JobRegistry } from "../../jobs/life/job_registry.ts";
import type { LiveJob } from "../../jobs/life/live_job.ts";
import { removeJob } from "../../jobs/life/removal.ts";
import { Scheduler } from "../../jobs/life/scheduler.ts";
import { type SideLink, useSideWorker } from "../../jobs/life/side_worker.ts";
import { announce, startUp } from "../../jobs/life/startup.ts";
import { randomId } from "../../jobs/job_id.ts";
import { openDatasetStore } from "../../jobs/storage/dataset_store.ts";
import { SideFolder } from "../../jobs/storage/side_folder.ts";
import { keepSubmission } from "../../jobs/submission/submission.ts";
import type { JobDeps } from "../../jobs/supervisor_deps.ts";
import { submissionOf, SupervisorFixture } from "../fixtures/supervisor_fixture.ts";

const TEST = { split: "test" } as const;

/** What a supervisor is made of, over the fixture's stores. */
async function depsOver(fixture: SupervisorFixture, helper = 2): Promise<JobDeps> {
  const { folder: dataDir, log, store, artifacts, launcher, timers } = fixture;
  return {
    log,
    store,
    artifacts,
    launcher,
    timers,
    datasets: await openDatasetStore({ dataDir, quota: 2 ** 30, mounts: {}, clock: Date.now }),
    metrics: { query: () => Promise.reject(), forget: () => {} } as unknown as MetricsStore,
    clock: Date.now,
    randomId,
    logger: getLogger(["onthefly", "test"]),
    scheduler: new Scheduler({ training: 2, helper }),
    options: {
      trainingSlots: 2,
      helperSlots: helper,
      parkAfterMs: 60_000,
      jobMemoryBytes: 1e9,
      jobTimeoutMs: null,
      backend: "cpu",
      threads: 1,
      stopGraceMs: 300,
      lingerMs: 20,
    },
  };
}

/** A job that trains for as long as the test does, slowly, with a checkpoint. */
async function training(
  fixture: SupervisorFixture,
  helper = 2,
): Promise<LiveJob & AsyncDisposable> {
  const deps = await depsOver(fixture, helper);
  fixture.launcher.script = {
    beforeStep: (at) => at > 5 ? new Promise((resolve) => setTimeout(resolve, 1)) : undefined,
  };
  const config = { max_epochs: 100_000, ckpt_every_steps: 1_000_000 };
  const manifest = await keepSubmission(deps, submissionOf(config), undefined);
  const job = new JobRegistry(deps).adopt(manifest);
  announce(job);
  job.requestWorker();
  const limit = AbortSignal.timeout(10_000);
  while (job.record.manifest.step < 3) await fixture.log.changed(fixture.log.lastSeq, limit);
  const end = async () => {
    await job.close(1_000);
    await job.record.settled();
    job.record.abandon();
  };
  return Object.assign(job, { [Symbol.asyncDispose]: end });
}

async function stop(job: LiveJob): Promise<void> {
  job.goTo("stopping", null, { goal: "stopped" });
  job.enforceStop();
  await job.until(() => job.state === "stopped" || undefined);
}

async function leavesNothing(fixture: SupervisorFixture, job: LiveJob): Promise<void> {
  assertEquals(job.deps.scheduler.helper.used, 0);
  assertEquals(job.held.size, 0);
  const names = await Array.fromAsync(Deno.readDir(`${fixture.artifacts.jobDir(job.id)}/side`));
  assertEquals(names, []);
}

Deno.test("useSideWorker() asks a worker at the job as it is now, while the job trains on", async () => {
  await using fixture = await SupervisorFixture.open();
  await using job = await training(fixture);
  let link: SideLink | null = null;
  const result = await useSideWorker(job, null, async (side) => {
    link = side;
    const { step } = job.record.manifest;
    const limit = AbortSignal.timeout(10_000);
    while (job.record.manifest.step <= step) {
      await fixture.log.changed(fixture.log.lastSeq, limit);
    }
    return await side.send("test", TEST);
  });
  assertEquals(result.applied_at_step, link!.checkpoint.step);
  assertEquals(link!.checkpoint.reason, "report");
  assertEquals(job.state, "running");
  const [main, side] = fixture.launcher.workers.map(({ context }) => context);
  assertEquals([main!.goal, side!.goal], ["running", "serve"]);
  assertEquals(side!.start.from, "checkpoint");
  assertEquals(side!.checkpoint_dir, link!.folder);
  await leavesNothing(fixture, job);
});

Deno.test("of a side worker's events only progress and log reach the job's log", async () => {
  await using fixture = await SupervisorFixture.open();
  await using job = await training(fixture);
  const { take, attempt } = job.record.manifest;
  await useSideWorker(job, null, async (side) => {
    const worker = fixture.launcher.worker(job.id);
    await side.send("test", TEST);
    worker.emit("progress", { task: "scan", done: 1, total: 2, step: side.checkpoint.step });
    worker.emit("log", { level: "info", message: "from the side", source: "module" });
    worker.emit("checkpoint_loaded", { checkpoint: 1, step: 0, epoch: 0 });
  });
  await job.close(1_000);
  const of = async (type: string) => (await fixture.events(job.id, type)).length;
  assertEquals(
    [await of("progress"), await of("log"), await of("session_started"), await of("test_complete")],
    [1, 1, 1, 0],
  );
  assertEquals([await of("attempt_started"), await of("checkpoint_loaded")], [1, 0]);
  assertEquals([job.record.manifest.take, job.record.manifest.attempt], [take, attempt]);
});

Deno.test("a side worker that dies of a signal fails what used it, and the job trains on", async () => {
  await using fixture = await SupervisorFixture.open();
  await using job = await training(fixture);
  const error = await assertRejects(
    () =>
      useSideWorker(job, null, async (side) => {
        const asked = side.send("test", TEST);
        fixture.launcher.worker(job.id).die("SIGKILL");
        return await asked;
      }),
    CommandFailedError,
  );
  assertEquals(error.code, "worker_gone");
  assert(error.message.includes("SIGKILL"), error.message);
  assertEquals(job.state, "running");
  await leavesNothing(fixture, job);
  const { step } = job.record.manifest;
  await useSideWorker(job, null, (side) => side.send("test", TEST));
  assert(job.record.manifest.step >= step);
});

Deno.test("a side worker that cannot start fails what asked for it, with the reason", async () => {
  await using fixture = await SupervisorFixture.open();
  await using job = await training(fixture);
  fixture.launcher.script = {
    onImport: () => {
      throw new Error("no such file: data.csv");
    },
  };
  const error = await assertRejects(
    () => useSideWorker(job, null, (side) => side.send("test", TEST)),
    CommandFailedError,
  );
  assert(error.message.includes("data.csv"), error.message);
  assertEquals(job.state, "running");
  await leavesNothing(fixture, job);
});

Deno.test("a signal ends a side worker that works, and one that waits for a slot", async () => {
  await using fixture = await SupervisorFixture.open();
  await using job = await training(fixture, 1);
  const [working, waiting] = [new AbortController(), new AbortController()];
  const begun = Promise.withResolvers<void>();
  const never = Promise.withResolvers<void>();
  const one = useSideWorker(job, null, async (side) => {
    await side.send("test", TEST);
    begun.resolve();
    await Promise.race([never.promise, fixture.launcher.worker(job.id).exited]);
    await side.send("test", TEST);
  }, working.signal);
  await begun.promise;
  const two = useSideWorker(job, 1, (side) => side.send("test", TEST), waiting.signal);
  waiting.abort(new ConflictError("cancelled: two"));
  await assertRejects(() => two, ConflictError, "two");
  working.abort(new ConflictError("cancelled: one"));
  await assertRejects(() => one, ConflictError, "one");
  never.resolve();
  await leavesNothing(fixture, job);
  assertEquals(job.state, "running");
});

Deno.test("the server's end ends side workers, and a job in use by one is not deleted", async () => {
  await using fixture = await SupervisorFixture.open();
  await using job = await training(fixture);
  const begun = Promise.withResolvers<void>();
  const use = useSideWorker(job, null, async (side) => {
    await side.send("test", TEST);
    begun.resolve();
    await fixture.launcher.worker(job.id).exited;
    await side.send("test", TEST);
  });
  await begun.promise;
  await stop(job);
  const registry = new JobRegistry(job.deps);
  await assertRejects(() => removeJob(job.deps, registry, job), ConflictError, "in use");
  await Promise.all([assertRejects(() => use, UnavailableError), job.close(1_000)]);
  await leavesNothing(fixture, job);
});

Deno.test("startUp() ends the side workers of an earlier server and removes their folders", async () => {
  await using fixture = await SupervisorFixture.open();
  await using job = await training(fixture);
  await stop(job);
  await job.record.settled();
  const folder = new SideFolder(fixture.artifacts, job.id, "left");
  await folder.make();
  await folder.note({ pid: 4_242, startTime: "then" });
  const deps = await depsOver(fixture);
  const registry = new JobRegistry(deps);
  await startUp(deps, registry);
  assert(fixture.launcher.reaped.some(({ pid }) => pid === 4_242));
  await leavesNothing(fixture, await registry.load(job.id));
});
