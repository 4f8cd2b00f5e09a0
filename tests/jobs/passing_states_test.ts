import { assertEquals, assertRejects } from "@std/assert";
import { StateConflictError } from "../../jobs/errors.ts";
import { canTransition, JobState } from "../../jobs/job.ts";
import { StepGate } from "../fixtures/scripted_trainer.ts";
import { SupervisorFixture } from "../fixtures/supervisor_fixture.ts";

const LONG = { max_epochs: 100_000, ckpt_every_steps: 5 };

Deno.test("a starting job takes a pause, and is paused as soon as its worker is ready", async () => {
  await using fixture = await SupervisorFixture.open();
  const imported = Promise.withResolvers<void>();
  fixture.launcher.script = { onImport: () => imported.promise };
  const { id } = await fixture.submit(LONG);
  await fixture.untilState(id, "starting");
  const { receipt } = await fixture.jobs.command(id, { command: "pause", release: false }, "t");
  imported.resolve();
  assertEquals((await receipt).status, "applied");
  assertEquals((await fixture.jobs.get(id)).state, "paused");
  await fixture.control(id, { command: "stop" });
});

Deno.test("a stopping job takes nothing but a stop, which then ends with it", async () => {
  await using fixture = await SupervisorFixture.open({ stopGraceMs: 60_000 });
  const gate = new StepGate(6);
  fixture.launcher.script = { beforeStep: gate.pass };
  const { id } = await fixture.submit(LONG);
  await gate.reached;
  const first = await fixture.jobs.command(id, { command: "stop" }, "t");
  await fixture.untilState(id, "stopping");
  const error = await assertRejects(
    () => fixture.control(id, { command: "resume" }),
    StateConflictError,
  );
  assertEquals([error.state, error.allowed], ["stopping", ["stop"]]);
  const second = await fixture.jobs.command(id, { command: "stop" }, "t");
  gate.open();
  for (const { receipt } of [first, second]) assertEquals((await receipt).state, "stopped");
});

Deno.test("a recovering job that waits for a slot can be parked, or stopped", async () => {
  await using fixture = await SupervisorFixture.open();
  fixture.launcher.script = { beforeStep: new StepGate(8).pass };
  const [one, two] = [await fixture.submit(LONG), await fixture.submit(LONG)];
  for (const { id } of [one, two]) await fixture.untilStep(id, 7);
  await fixture.crash({ trainingSlots: 0 });
  assertEquals((await fixture.jobs.get(one.id)).state, "recovering");
  await fixture.control(one.id, { command: "pause", release: false });
  assertEquals((await fixture.jobs.get(one.id)).state, "parked");
  await fixture.control(two.id, { command: "stop" });
  assertEquals((await fixture.jobs.get(two.id)).state, "stopped");
  await fixture.crash({ trainingSlots: 2 });
  await fixture.control(one.id, { command: "resume" });
  await fixture.untilStep(one.id, 9);
  const steps = (await fixture.steps(one.id)).map(([take, step]) => `${take}:${step}`);
  assertEquals(new Set(steps).size, steps.length);
  await fixture.control(one.id, { command: "stop" });
});

Deno.test("a command that was accepted fails truthfully when the job ended before its turn", async () => {
  await using fixture = await SupervisorFixture.open();
  const gate = new StepGate(6);
  fixture.launcher.script = { beforeStep: gate.pass };
  const { id } = await fixture.submit({ ...LONG, max_steps: 6 });
  await gate.reached;
  const pauses = await fixture.jobs.command(id, { command: "pause", release: true }, "t");
  const hparams = await fixture.jobs.command(id, { command: "hparams", lr: 1 }, "t");
  fixture.launcher.worker(id).die("memory");
  for (const { receipt, command_id } of [pauses, hparams]) {
    await assertRejects(() => receipt, StateConflictError, "failed");
    assertEquals((await fixture.jobs.receipt(id, command_id)).status, "failed");
  }
  gate.open();
});

Deno.test("a test under way when its worker dies is done by the next one", async () => {
  await using fixture = await SupervisorFixture.open();
  const gate = new StepGate(8);
  fixture.launcher.script = {
    beforeStep: async (step, context) => {
      await gate.pass(step, context);
      await new Promise((resolve) => setTimeout(resolve, 1));
    },
  };
  const { id } = await fixture.submit(LONG);
  await gate.reached;
  const { receipt } = await fixture.jobs.command(id, { command: "test", split: "test" }, "t");
  fixture.launcher.worker(id).die("SIGKILL");
  assertEquals((await receipt).samples, 10);
  assertEquals((await fixture.jobs.get(id)).test_looks, 1);
  await fixture.control(id, { command: "stop" });
});

Deno.test("canTransition() never leaves a job without a way on, and never stays in place", () => {
  for (const from of JobState.options) {
    const followers = JobState.options.filter((to) => canTransition(from, to));
    assertEquals(followers.length > 0, true, from);
    assertEquals(followers.includes(from), false, from);
  }
});
