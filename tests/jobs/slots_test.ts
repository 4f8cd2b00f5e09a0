import { assert, assertEquals } from "@std/assert";
import { FixtureTimers, submissionOf, SupervisorFixture } from "../fixtures/supervisor_fixture.ts";

const LONG = { max_epochs: 100_000 };

function slowly(fixture: SupervisorFixture): void {
  fixture.launcher.script = {
    beforeStep: () => new Promise((resolve) => setTimeout(resolve, 1)),
  };
}

Deno.test("five jobs on two slots all complete, never more than two at once", async () => {
  await using fixture = await SupervisorFixture.open({ trainingSlots: 2 });
  let most = 0;
  fixture.launcher.script = {
    beforeStep: async () => {
      most = Math.max(most, (await fixture.jobs.health()).slots.training_used);
    },
  };
  const jobs = await Promise.all(
    Array.from({ length: 5 }, () => fixture.submit({ max_steps: 20, max_epochs: 9 })),
  );
  await Promise.all(jobs.map(({ id }) => fixture.untilState(id, "completed")));
  assertEquals(most, 2);
  const names = jobs.map(({ run_name }) => run_name);
  assertEquals(new Set(names).size, 5);
  assertEquals((await fixture.jobs.health()).slots.training_used, 0);
});

Deno.test("the owner who runs fewest goes first, then who came first", async () => {
  await using fixture = await SupervisorFixture.open({ trainingSlots: 2 });
  slowly(fixture);
  const submit = async (owner: string) =>
    (await fixture.jobs.submit(submissionOf(LONG, { owner }))).job.id;
  const ann = [await submit("ann"), await submit("ann"), await submit("ann")];
  const bob = await submit("bob");
  await fixture.untilState(ann[1]!, "running");
  await fixture.control(ann[0]!, { command: "stop" });
  await fixture.untilState(bob, "running");
  assertEquals((await fixture.jobs.get(ann[2]!)).state, "queued");
  for (const id of [ann[1]!, bob]) await fixture.control(id, { command: "stop" });
  await fixture.untilState(ann[2]!, "running");
  await fixture.control(ann[2]!, { command: "stop" });
});

Deno.test("the higher priority goes first, also when it is changed while the job waits", async () => {
  await using fixture = await SupervisorFixture.open({ trainingSlots: 1 });
  slowly(fixture);
  const submit = async (priority?: number) =>
    (await fixture.jobs.submit(submissionOf(LONG, { priority }))).job;
  const [first, low, high, changed] = [
    await submit(),
    await submit(-1),
    await submit(3),
    await submit(),
  ];
  await fixture.untilState(first.id, "running");
  const { priority } = await fixture.jobs.prioritize(changed.id, 7, "ann");
  assertEquals([low.priority, high.priority, priority], [-1, 3, 7]);
  const { fields } = (await fixture.events(changed.id, "priority_changed"))[0]!;
  assertEquals([fields.priority, fields.actor], [7, "ann"]);
  for (const [ends, begins] of [[first, changed], [changed, high], [high, low]] as const) {
    await fixture.control(ends.id, { command: "stop" });
    await fixture.untilState(begins.id, "running");
  }
  await fixture.restart();
  assertEquals((await fixture.jobs.get(changed.id)).priority, 7);
  await fixture.control(low.id, { command: "stop" });
});

Deno.test("a hot-paused job lends its slot, and resumes without waiting for one", async () => {
  await using fixture = await SupervisorFixture.open({ trainingSlots: 1 });
  slowly(fixture);
  const [first, second, third] = [
    await fixture.submit(LONG),
    await fixture.submit(LONG),
    await fixture.submit(LONG),
  ];
  await fixture.untilStep(first.id, 3);
  assertEquals((await fixture.jobs.get(second.id)).state, "queued");
  await fixture.control(first.id, { command: "pause", release: false });
  await fixture.untilState(second.id, "running");
  const { attempt } = await fixture.jobs.get(first.id);
  await fixture.control(first.id, { command: "resume" });
  const resumed = await fixture.untilState(first.id, "running");
  assertEquals(resumed.attempt, attempt);
  assertEquals((await fixture.jobs.health()).slots.training_used, 2);
  await fixture.control(first.id, { command: "stop" });
  assertEquals((await fixture.jobs.get(third.id)).state, "queued");
  await fixture.control(second.id, { command: "stop" });
  await fixture.untilState(third.id, "running");
  await fixture.control(third.id, { command: "stop" });
});

Deno.test("a job that is paused for long parks itself and lets its worker go", async () => {
  const timers = new FixtureTimers();
  const parkAfterMs = 900_000;
  await using fixture = await SupervisorFixture.open({ parkAfterMs }, timers);
  slowly(fixture);
  const { id } = await fixture.submit(LONG);
  await fixture.untilStep(id, 3);
  await fixture.control(id, { command: "pause", release: false });
  await fixture.control(id, { command: "resume" });
  await fixture.untilState(id, "running");
  assertEquals(timers.fire(parkAfterMs), 0, "a resumed job does not park");
  await fixture.control(id, { command: "pause", release: false });
  const worker = fixture.launcher.worker(id);
  assertEquals(timers.fire(parkAfterMs), 1);
  const manifest = await fixture.untilState(id, "parked");
  assertEquals(manifest.goal, "parked");
  assert(worker.gone);
  await fixture.control(id, { command: "resume" });
  await fixture.until(id, ({ state, attempt }) => state === "running" && attempt === 2);
  await fixture.control(id, { command: "stop" });
});

Deno.test("a test of a completed job runs while every training slot is taken", async () => {
  await using fixture = await SupervisorFixture.open({ trainingSlots: 1 });
  slowly(fixture);
  const done = await fixture.submit({ max_steps: 5 });
  await fixture.untilState(done.id, "completed");
  const busy = await fixture.submit(LONG);
  await fixture.untilState(busy.id, "running");
  const receipt = await fixture.control(done.id, { command: "test", split: "test" });
  const { status, split, samples, requested_at_step, applied_at_step } = receipt;
  assertEquals([status, split, samples], ["applied", "test", 10]);
  assertEquals([requested_at_step, applied_at_step], [5, 5]);
  const { state, test_looks, metrics } = await fixture.jobs.get(done.id);
  assertEquals([state, test_looks], ["completed", 1]);
  assertEquals(metrics.last.test_loss, receipt.loss);
  assertEquals(metrics.best.test_loss, null);
  await fixture.control(busy.id, { command: "stop" });
});

Deno.test("a job that waits for its slot tests on a helper, then trains", async () => {
  await using fixture = await SupervisorFixture.open({ trainingSlots: 1, helperSlots: 1 });
  slowly(fixture);
  const { id } = await fixture.submit(LONG);
  await fixture.untilStep(id, 3);
  await fixture.control(id, { command: "pause", release: true });
  const busy = await fixture.submit(LONG);
  await fixture.untilState(busy.id, "running");
  await fixture.control(id, { command: "resume" });
  assertEquals((await fixture.jobs.get(id)).state, "queued");
  const { status } = await fixture.control(id, { command: "test", split: "val" });
  assertEquals([status, (await fixture.jobs.get(id)).state], ["applied", "queued"]);
  await fixture.control(busy.id, { command: "stop" });
  await fixture.untilState(id, "running");
  await fixture.control(id, { command: "stop" });
});
