import { assert, assertEquals } from "@std/assert";
import { randomId } from "../../jobs/job_id.ts";
import { openJobStore } from "../../jobs/storage/job_store.ts";
import { newManifest } from "../../jobs/submission/submission.ts";
import { StepGate } from "../fixtures/scripted_trainer.ts";
import { SupervisorFixture } from "../fixtures/supervisor_fixture.ts";

const LONG = { max_steps: 80, max_epochs: 99, ckpt_every_steps: 10 };
const STEPS = Array.from({ length: 80 }, (_, index) => index + 1);

/** Holds a job's first attempt before this step until the server is gone. */
function holdFirst(fixture: SupervisorFixture, held: number): Promise<void> {
  const gate = new StepGate(held);
  fixture.launcher.script = { beforeStep: gate.pass };
  return gate.reached;
}

Deno.test("createSupervisor() after a crash goes on with what ran, each step logged once", async () => {
  await using fixture = await SupervisorFixture.open();
  const held = holdFirst(fixture, 37);
  const { id } = await fixture.submit(LONG);
  await held;
  await fixture.crash();
  const [process] = fixture.launcher.reaped;
  const [started] = await fixture.events(id, "attempt_started");
  assertEquals(process, started!.fields.process);
  const manifest = await fixture.untilState(id, "completed");
  assertEquals(
    (await fixture.steps(id)).map(([take, step]) => [take, step]),
    STEPS.map((s) => [1, s]),
  );
  assertEquals(manifest.attempt, 2);
  assertEquals(
    await fixture.path(id),
    ["starting", "running", "recovering", "starting", "running", "completed"],
  );
});

Deno.test("createSupervisor() restores paused, parked and queued jobs as they were", async () => {
  await using fixture = await SupervisorFixture.open({ trainingSlots: 3 });
  const slow = { ...LONG, max_steps: 100_000, max_epochs: 100_000 };
  fixture.launcher.script = {
    beforeStep: () => new Promise((resolve) => setTimeout(resolve, 2)),
  };
  const [paused, parked] = [await fixture.submit(slow), await fixture.submit(slow)];
  await fixture.untilStep(paused.id, 5);
  await fixture.untilStep(parked.id, 5);
  const { applied_at_step } = await fixture.control(paused.id, {
    command: "pause",
    release: false,
  });
  await fixture.control(parked.id, { command: "pause", release: true });
  const running = [
    await fixture.submit(slow),
    await fixture.submit(slow),
    await fixture.submit(slow),
  ];
  const queued = await fixture.submit(slow);
  for (const { id } of running) await fixture.untilStep(id, 3);
  await fixture.crash();
  const again = await fixture.until(
    paused.id,
    ({ state, attempt }) => state === "paused" && attempt === 2,
  );
  assertEquals(again.step, applied_at_step);
  assertEquals((await fixture.jobs.get(parked.id)).state, "parked");
  for (const { id } of running) {
    await fixture.until(id, ({ attempt, state }) => attempt === 2 && state === "running");
  }
  assertEquals((await fixture.jobs.get(queued.id)).state, "queued");
  await fixture.control(running[0]!.id, { command: "stop" });
  await fixture.untilState(queued.id, "running");
  for (const { id } of [...running.slice(1), queued, paused, parked]) {
    await fixture.control(id, { command: "stop" });
  }
});

Deno.test("createSupervisor() catches a stale KV up with the log", async () => {
  await using fixture = await SupervisorFixture.open();
  const { id, run_name, project } = await fixture.submit(LONG);
  const completed = await fixture.untilState(id, "completed");
  await fixture.control(id, { command: "test", split: "test" });
  const after = await fixture.jobs.get(id);
  const records = await fixture.jobs.checkpoints(id);
  await fixture.end();
  // KV as it was before the first event reached it.
  for (const suffix of ["", "-wal", "-shm"]) {
    await Deno.remove(`${fixture.folder}/kv.sqlite3${suffix}`).catch(() => {
      // SQLite has folded it in already.
    });
  }
  const store = await openJobStore(`${fixture.folder}/kv.sqlite3`);
  const { session, module, files, owner, created_at, priority } = completed;
  const names = { id, session, project, run_name };
  await store.create(
    newManifest(created_at, {
      ...names,
      kind: "root",
      config: LONG,
      module,
      files,
      owner,
      priority,
    }),
  );
  store.close();
  await fixture.begin();
  assertEquals(await fixture.jobs.get(id), after);
  assertEquals(await fixture.jobs.checkpoints(id), records);
  assertEquals((await fixture.store.get(id))!.seq, after.seq);
});

Deno.test("createSupervisor() announces a job that a crash left without its first event", async () => {
  await using fixture = await SupervisorFixture.open();
  const { session, module } = await fixture.submit(LONG);
  const id = `job-${randomId()}`;
  await fixture.artifacts.createJob(id, "export default {};", [], []);
  await fixture.store.create(newManifest(Date.now(), {
    id,
    session,
    project: "p",
    run_name: "r",
    kind: "root",
    config: LONG,
    module,
    files: [],
    owner: "o",
  }));
  await fixture.restart();
  await fixture.untilState(id, "completed");
  const [first] = await fixture.events(id);
  assertEquals(first!.type, "newRun");
});

Deno.test("a command that a crash cut short is told as failed", async () => {
  await using fixture = await SupervisorFixture.open();
  const held = holdFirst(fixture, 20);
  const { id } = await fixture.submit(LONG);
  await held;
  const { command_id, receipt } = await fixture.jobs.command(
    id,
    { command: "test", split: "val" },
    "t",
  );
  receipt.catch(() => {});
  await fixture.crash();
  const told = await fixture.jobs.receipt(id, command_id);
  assertEquals([told.status, told.applied_at_step], ["failed", null]);
  await fixture.untilState(id, "completed");
});

Deno.test("a pause that was answered is told as applied, though a crash kept its receipt from KV", async () => {
  await using fixture = await SupervisorFixture.open();
  fixture.launcher.script = {
    beforeStep: () => new Promise((resolve) => setTimeout(resolve, 2)),
  };
  const { id } = await fixture.submit({ ...LONG, max_steps: 100_000, max_epochs: 100_000 });
  await fixture.untilStep(id, 5);
  const { store } = fixture;
  const { putReceipt } = store;
  store.putReceipt = (receipt) =>
    receipt.status === "applied" ? new Promise(() => {}) : putReceipt.call(store, receipt);
  const answered = await fixture.control(id, { command: "pause", release: false });
  assertEquals(answered.status, "applied");
  const { command_id } = answered;
  assertEquals(await fixture.jobs.receipt(id, command_id), answered);
  assertEquals((await store.receipt(id, command_id))!.status, "pending");
  await fixture.crash();
  const told = await fixture.jobs.receipt(id, command_id);
  assertEquals([told.status, told.applied_at_step], ["applied", answered.applied_at_step]);
  await fixture.untilState(id, "paused");
});

Deno.test("shutdown() saves what runs, and the next server goes on from there", async () => {
  await using fixture = await SupervisorFixture.open();
  fixture.launcher.script = {
    beforeStep: (step, { run_gen }) =>
      run_gen === 1 && step > 5 ? new Promise((resolve) => setTimeout(resolve, 2)) : undefined,
  };
  const { id } = await fixture.submit({ ...LONG, ckpt_every_steps: null });
  await fixture.untilStep(id, 12);
  await fixture.restart();
  const manifest = await fixture.untilState(id, "completed");
  assertEquals((await fixture.steps(id)).map(([, step]) => step), STEPS);
  assertEquals(manifest.take, 1);
  const saved = (await fixture.events(id, "checkpoint_saved")).map(({ fields }) => fields.reason);
  assert(saved.includes("shutdown"), `${saved}`);
  const [recovered] = await fixture.events(id, "recovered");
  assert(Number(recovered!.fields.step) >= 12);
});

Deno.test("shutdown() ends within its limit though a worker does not obey", async () => {
  await using fixture = await SupervisorFixture.open();
  const held = holdFirst(fixture, 9);
  const { id } = await fixture.submit(LONG);
  await held;
  await fixture.jobs.shutdown(300);
  assert(fixture.launcher.workers.every(({ gone }) => gone));
  assertEquals((await fixture.jobs.get(id)).state, "running");
});

Deno.test("a job whose last worker cannot be proven gone fails, and gets no second one", async () => {
  await using fixture = await SupervisorFixture.open();
  const held = holdFirst(fixture, 9);
  const { id } = await fixture.submit(LONG);
  await held;
  fixture.launcher.reap = () => Promise.reject(new Error("it does not die"));
  await fixture.crash();
  const { state, error, attempt } = await fixture.jobs.get(id);
  assertEquals([state, error!.cause, attempt], ["failed", "reap", 1]);
});

Deno.test("an error of any length fails its job, and the next server has it", async () => {
  await using fixture = await SupervisorFixture.open();
  fixture.launcher.script = {
    beforeStep: () => {
      throw new Error("x".repeat(200_000));
    },
  };
  const { id } = await fixture.submit(LONG);
  const { error } = await fixture.untilState(id, "failed");
  assert(error!.message.startsWith("xxx") && error!.message.length < 10_000);
  await fixture.restart();
  assertEquals((await fixture.jobs.get(id)).error, error);
});

Deno.test("createSupervisor() begins though KV refuses what the log says of a job", async () => {
  await using fixture = await SupervisorFixture.open();
  const [held, other] = [await fixture.submit(LONG), await fixture.submit(LONG)];
  await fixture.untilState(held.id, "completed");
  await fixture.untilState(other.id, "completed");
  const refused = { config: { lr: "x".repeat(200_000) }, job: held.id, ts: 1 };
  const { id: job, session } = held;
  const data = JSON.stringify(refused);
  fixture.log.append({ job, session, type: "config_changed", take: 1, step: 80, data });
  await fixture.crash();
  const states = [held, other].map(async ({ id }) => (await fixture.jobs.get(id)).state);
  assertEquals(await Promise.all(states), ["completed", "completed"]);
});

Deno.test("createSupervisor() removes folders of jobs that never came to be, and no other", async () => {
  await using fixture = await SupervisorFixture.open();
  const { id } = await fixture.submit(LONG);
  await fixture.untilState(id, "completed");
  await fixture.artifacts.createJob("job-stray", "export default {};", [], []);
  await fixture.crash();
  assertEquals(await fixture.artifacts.folders(), [id]);
});
