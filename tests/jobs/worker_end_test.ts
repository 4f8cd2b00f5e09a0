import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { CommandFailedError } from "../../jobs/errors.ts";
import { ExitNow } from "../fixtures/scripted_launcher.ts";
import { StepGate } from "../fixtures/scripted_trainer.ts";
import { SupervisorFixture } from "../fixtures/supervisor_fixture.ts";

const LONG = { max_epochs: 100_000 };

Deno.test("an error that the worker reports fails the job with its message, stack and phase", async () => {
  await using fixture = await SupervisorFixture.open();
  fixture.launcher.script = {
    onImport: () => {
      throw new TypeError("no such data");
    },
  };
  const { id } = await fixture.submit(LONG);
  const { error, finished_at, attempt } = await fixture.untilState(id, "failed");
  assertEquals([error!.message, error!.cause, attempt], ["no such data", "error", 1]);
  assertMatch(error!.stack!, /worker_end_test/);
  assertEquals(typeof finished_at, "number");
  const types = (await fixture.events(id)).map(({ type }) => type);
  assertEquals(types.slice(-3), ["error", "state_changed", "finalizeRun"]);
});

for (const limit of ["memory", "timeout"] as const) {
  Deno.test(`a worker past its ${limit} limit fails the job`, async () => {
    await using fixture = await SupervisorFixture.open();
    fixture.launcher.script = {
      beforeStep: (step, { run_id }) => {
        if (step === 5) fixture.launcher.worker(run_id).die(limit);
      },
    };
    const { id } = await fixture.submit(LONG);
    const { error, step } = await fixture.untilState(id, "failed");
    assertEquals([error!.cause, step], [limit, 4]);
  });
}

Deno.test("a worker that exits by itself before training is finished fails the job", async () => {
  await using fixture = await SupervisorFixture.open();
  fixture.launcher.script = {
    beforeStep: (step) => {
      if (step === 5) throw new ExitNow(0);
    },
  };
  const { id } = await fixture.submit(LONG);
  const { error } = await fixture.untilState(id, "failed");
  assertEquals([error!.cause, error!.stack], ["exit", "tail"]);
  assertMatch(error!.message, /code 0 before training was finished/);
});

Deno.test("stop() ends a worker that does not obey, and keeps that as the cause", async () => {
  await using fixture = await SupervisorFixture.open({ stopGraceMs: 40 });
  fixture.launcher.script = { onImport: () => new Promise(() => {}) };
  const { id } = await fixture.submit(LONG);
  await fixture.untilState(id, "starting");
  const receipt = await fixture.control(id, { command: "stop" });
  assertEquals(receipt.state, "stopped");
  const { error } = await fixture.jobs.get(id);
  assertEquals([error!.cause, error!.phase], ["killed", "stop"]);
  assertEquals((await fixture.jobs.health()).slots.training_used, 0);
});

Deno.test("stop() overtakes a command that does not end", async () => {
  await using fixture = await SupervisorFixture.open({ stopGraceMs: 40 });
  const gate = new StepGate(8);
  fixture.launcher.script = { beforeStep: gate.pass };
  const { id } = await fixture.submit(LONG);
  await gate.reached;
  const pause = await fixture.jobs.command(id, { command: "pause", release: false }, "t");
  await fixture.untilState(id, "pausing");
  await fixture.control(id, { command: "stop" });
  await assertRejects(() => pause.receipt);
  assertEquals((await fixture.jobs.receipt(id, pause.command_id)).status, "failed");
  assertEquals((await fixture.jobs.get(id)).state, "stopped");
});

Deno.test("a serving worker that cannot start fails the command, not the job", async () => {
  await using fixture = await SupervisorFixture.open();
  fixture.launcher.script = {
    onImport: ({ goal }) => {
      if (goal === "serve") throw new Error("no room");
    },
  };
  const { id } = await fixture.submit({ max_steps: 5 });
  await fixture.untilState(id, "completed");
  const error = await assertRejects(
    () => fixture.control(id, { command: "test", split: "test" }),
    CommandFailedError,
    "no room",
  );
  assertEquals(error.code, "worker_failed");
  assertEquals((await fixture.jobs.get(id)).state, "completed");
  assertEquals((await fixture.jobs.health()).slots.helper_used, 0);
});

Deno.test("an event that the server cannot take fails its job and no other", async () => {
  await using fixture = await SupervisorFixture.open();
  const { id } = await fixture.submit(LONG);
  const other = await fixture.submit(LONG);
  await fixture.untilStep(id, 5);
  await fixture.untilStep(other.id, 5);
  const worker = fixture.launcher.worker(id);
  worker.emit("checkpoint_loaded", { checkpoint: 1, step: 0.5, epoch: 0 });
  const { error } = await fixture.untilState(id, "failed");
  assertEquals(error!.cause, "event");
  const { step } = await fixture.jobs.get(other.id);
  await fixture.untilStep(other.id, step + 5);
  await fixture.control(other.id, { command: "stop" });
});
