import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  CommandFailedError,
  ConflictError,
  NotFoundError,
  StateConflictError,
  UnavailableError,
  UnprocessableError,
} from "../../jobs/errors.ts";
import type { HparamsPatch } from "../../runtime/protocol/hparams.ts";
import { StepGate } from "../fixtures/scripted_trainer.ts";
import { submissionOf, SupervisorFixture } from "../fixtures/supervisor_fixture.ts";

const LONG = { max_epochs: 100_000, ckpt_every_steps: 10 };
const KEY = { key: "k1", fingerprint: "f1" };

async function running(fixture: SupervisorFixture, step = 5): Promise<string> {
  fixture.launcher.script = {
    beforeStep: (at) => at > step ? new Promise((resolve) => setTimeout(resolve, 1)) : undefined,
  };
  const { id } = await fixture.submit(LONG);
  await fixture.untilStep(id, step);
  return id;
}

Deno.test("submit() with the same key and content makes one job", async () => {
  await using fixture = await SupervisorFixture.open({ trainingSlots: 0 });
  const { jobs } = fixture;
  const first = await jobs.submit(submissionOf(), KEY);
  const second = await jobs.submit(submissionOf(), KEY);
  assertEquals([first.replayed, second.replayed], [false, true]);
  assertEquals(second.job.id, first.job.id);
  const other = { ...KEY, fingerprint: "f2" };
  const error = await assertRejects(() => jobs.submit(submissionOf(), other), UnprocessableError);
  assertEquals(error.field, "Idempotency-Key");
  const both = await Promise.allSettled([
    jobs.submit(submissionOf(), { ...KEY, key: "k2" }),
    jobs.submit(submissionOf(), { ...KEY, key: "k2" }),
  ]);
  assertEquals(both.map(({ status }) => status), ["fulfilled", "rejected"]);
  assert((both[1] as PromiseRejectedResult).reason instanceof ConflictError);
  assertEquals((await jobs.list({ limit: 10 })).items.length, 2);
});

Deno.test("submit() refuses a module with a syntax error and keeps nothing of it", async () => {
  await using fixture = await SupervisorFixture.open();
  const module = { name: "bad.ts", source: "export default {" };
  await assertRejects(
    () => fixture.jobs.submit(submissionOf({}, { module }), KEY),
    UnprocessableError,
  );
  assertEquals((await fixture.jobs.list({ limit: 10 })).items, []);
  const again = await fixture.jobs.submit(submissionOf(), { ...KEY, fingerprint: "mended" });
  assertEquals(again.replayed, false);
});

Deno.test("submit() takes project and run name from the request, else the module, else a default", async () => {
  await using fixture = await SupervisorFixture.open({ trainingSlots: 0 });
  const source = 'export default defineJob({ project: "digits", runName: "base" });';
  const module = { name: "m.ts", source };
  const names = async (part: Parameters<typeof submissionOf>[1]) => {
    const { project, run_name } = await fixture.submit({}, part);
    return [project, run_name];
  };
  assertEquals(await names({ module }), ["digits", "base"]);
  assertEquals(await names({ module }), ["digits", "base-2"]);
  assertEquals(await names({ module, runName: "mine" }), ["digits", "mine"]);
  assertEquals(await names({}), ["default", "run"]);
});

Deno.test("command() with the same key answers the first receipt", async () => {
  await using fixture = await SupervisorFixture.open();
  const gate = new StepGate(6);
  fixture.launcher.script = { beforeStep: gate.pass };
  const { id } = await fixture.submit(LONG);
  await gate.reached;
  const { jobs } = fixture;
  const request = { command: "checkpoint", label: "best" } as const;
  const first = await jobs.command(id, request, "t", KEY);
  await assertRejects(() => jobs.command(id, request, "t", KEY), ConflictError);
  gate.open();
  const receipt = await first.receipt;
  const second = await jobs.command(id, request, "t", KEY);
  assertEquals(second.command_id, first.command_id);
  assertEquals([first.replayed, second.replayed], [false, true]);
  assertEquals(await second.receipt, receipt);
  assertEquals(await jobs.receipt(id, first.command_id), receipt);
  const saved = (await fixture.events(id, "checkpoint_saved")).map(({ fields }) => fields.label);
  assertEquals(saved.filter((label) => label === "best").length, 1);
  await assertRejects(
    () => jobs.command(id, request, "t", { ...KEY, fingerprint: "other" }),
    UnprocessableError,
  );
  await fixture.control(id, { command: "stop" });
});

Deno.test("two clients that pause at once both get a truthful receipt", async () => {
  await using fixture = await SupervisorFixture.open();
  const id = await running(fixture);
  const [one, two] = await Promise.all([
    fixture.control(id, { command: "pause", release: false }),
    fixture.control(id, { command: "pause", release: false }),
  ]);
  assertEquals([one.status, two.status], ["applied", "applied"]);
  assertEquals(one.applied_at_step, two.applied_at_step);
  assertEquals(one.checkpoint, two.checkpoint);
  assert(one.requested_at_step <= one.applied_at_step!);
  assertEquals((await fixture.jobs.get(id)).step, one.applied_at_step);
  assertEquals((await fixture.events(id, "paused")).length, 1);
  assertEquals((await fixture.jobs.receipts(id)).length, 2);
  await fixture.control(id, { command: "stop" });
});

Deno.test("no step is logged between a pause and its resume", async () => {
  await using fixture = await SupervisorFixture.open();
  const id = await running(fixture);
  await fixture.control(id, { command: "pause", release: false });
  await fixture.control(id, { command: "hparams", lr: 0.2 });
  await fixture.control(id, { command: "resume" });
  await fixture.control(id, { command: "stop" });
  const types = (await fixture.events(id, "paused", "resumed", "trainStep")).map(({ type }) =>
    type
  );
  assertEquals(types.indexOf("resumed"), types.indexOf("paused") + 1);
});

Deno.test("hparams of a queued job go into its config, and its worker trains with them", async () => {
  await using fixture = await SupervisorFixture.open({ trainingSlots: 0 });
  const { id } = await fixture.submit({ ...LONG, max_steps: 3 });
  const hparams = { temperature: 2 };
  const first = await fixture.control(id, { command: "hparams", lr: 0.25, hparams });
  assertEquals(first.hparams, { lr: 0.25, hparams });
  assertEquals(first.changed, {
    lr: { from: null, to: 0.25 },
    "hparams.temperature": { from: null, to: 2 },
  });
  const more = { hparams: { rate: 3 }, batch_size: 7, schedule: null };
  const second = await fixture.control(id, { command: "hparams", ...more });
  assertEquals(second.hparams, { ...more, lr: 0.25, hparams: { temperature: 2, rate: 3 } });
  assertEquals((await fixture.jobs.get(id)).config.lr, 0.25);
  await fixture.crash({ trainingSlots: 1 });
  await fixture.untilState(id, "completed");
  assertEquals((await fixture.events(id, "trainStep"))[0]!.fields.lr, 0.25);
});

Deno.test("hparams of a fork that waits for its worker win over its parent's", async () => {
  await using fixture = await SupervisorFixture.open();
  const id = await running(fixture);
  await fixture.control(id, { command: "pause", release: true });
  const child = await fixture.jobs.fork(id, {
    selection: { kind: "all" },
    at: "now",
    config: { maxSteps: 3 },
    lr_mul: 1,
    optimizer: "keep",
    start: false,
  }, "t");
  await fixture.control(child.job.id, { command: "hparams", lr: 0.25 });
  await fixture.control(child.job.id, { command: "resume" });
  await fixture.untilState(child.job.id, "completed");
  const { context: { start } } = fixture.launcher.workers
    .find(({ context }) => context.run_id === child.job.id)!;
  assertEquals(start.from === "fork" && start.overrides, ["max_steps", "lr"]);
});

Deno.test("hparams that a job does not have are refused by name, before any worker is asked", async () => {
  await using fixture = await SupervisorFixture.open();
  const id = await running(fixture);
  const refused = async (hparams: Partial<HparamsPatch>) => {
    const command = fixture.jobs.command(id, { command: "hparams", ...hparams }, "t");
    const { field, message } = await assertRejects(() => command, UnprocessableError);
    return [field, message];
  };
  assertEquals(await refused({ batch_size: 101 }), [
    "batch_size",
    "batch_size: expected at most 100, the training samples",
  ]);
  const none = "the module declares no such one; it declares none";
  assertEquals(await refused({ hparams: { heat: 1 } }), ["hparams.heat", `hparams.heat: ${none}`]);
  assertEquals(await fixture.events(id, "command_applied"), []);
  await fixture.control(id, { command: "stop" });
});

Deno.test("hparams of a parked job are logged, and hold when it trains again", async () => {
  await using fixture = await SupervisorFixture.open();
  const id = await running(fixture);
  const { applied_at_step } = await fixture.control(id, { command: "pause", release: true });
  await fixture.control(id, { command: "hparams", lr: 0.75 });
  assertEquals((await fixture.jobs.get(id)).state, "parked");
  await fixture.control(id, { command: "resume" });
  await fixture.untilStep(id, applied_at_step! + 2);
  await fixture.control(id, { command: "stop" });
  const lrs = (await fixture.events(id, "trainStep")).map(({ fields }) => fields.lr);
  assertEquals(lrs.indexOf(0.75), applied_at_step);
  assertEquals((await fixture.events(id, "hparams_changed")).length, 1);
  assertEquals((await fixture.jobs.get(id)).take, 1);
});

Deno.test("rewind of a completed job parks it in a new take, from where it trains again", async () => {
  await using fixture = await SupervisorFixture.open();
  const { id } = await fixture.submit({ max_steps: 30, max_epochs: 9, ckpt_every_steps: 10 });
  await fixture.untilState(id, "completed");
  const before = await fixture.steps(id);
  const receipt = await fixture.control(id, { command: "rewind", checkpoint: 2 });
  assertEquals([receipt.applied_at_step, receipt.checkpoint, receipt.step], [30, 2, 10]);
  const { state, take, step } = await fixture.jobs.get(id);
  assertEquals([state, take, step], ["parked", 2, 10]);
  await fixture.control(id, { command: "resume" });
  await fixture.untilState(id, "completed");
  const after = (await fixture.steps(id)).slice(before.length);
  assertEquals(after, before.slice(10).map(([, step, loss]) => [2, step, loss]));
  await assertRejects(
    () => fixture.control(id, { command: "rewind", checkpoint: 99 }),
    NotFoundError,
  );
});

Deno.test("resume of a completed job needs a budget that is larger in effect", async () => {
  await using fixture = await SupervisorFixture.open();
  const { id } = await fixture.submit({ max_steps: 15, max_epochs: 2 });
  await fixture.untilState(id, "completed");
  const refused = [
    {},
    { max_steps: 15 },
    { max_epochs: 9 }, // 15 steps still end it
  ];
  for (const budget of refused) {
    await assertRejects(
      () => fixture.control(id, { command: "resume", ...budget }),
      StateConflictError,
      "15 of 15 steps are done",
    );
  }
  await fixture.control(id, { command: "resume", max_steps: 18 });
  const { step, config } = await fixture.until(
    id,
    (job) => job.state === "completed" && job.step > 15,
  );
  assertEquals([step, config.max_steps], [18, 18]);
});

Deno.test("resume of a job that was stopped before it began takes any budget, and needs one", async () => {
  await using fixture = await SupervisorFixture.open({ trainingSlots: 1 });
  const gate = Promise.withResolvers<void>();
  fixture.launcher.script = { onImport: () => gate.promise };
  await fixture.submit({ max_steps: 5 });
  const { id } = await fixture.submit();
  await fixture.control(id, { command: "stop" });
  await assertRejects(() => fixture.control(id, { command: "resume" }), StateConflictError);
  await fixture.control(id, { command: "resume", max_steps: 10, max_epochs: 9 });
  gate.resolve();
  assertEquals((await fixture.untilState(id, "completed")).step, 10);
});

Deno.test("resume of a running job raises its budget, never lowers it", async () => {
  await using fixture = await SupervisorFixture.open();
  fixture.launcher.script = {
    beforeStep: () => new Promise((resolve) => setTimeout(resolve, 1)),
  };
  const { id } = await fixture.submit({ max_steps: 300, max_epochs: 100 });
  await fixture.untilStep(id, 3);
  await assertRejects(
    () => fixture.control(id, { command: "resume", max_steps: 10 }),
    UnprocessableError,
    "max_steps",
  );
  await fixture.control(id, { command: "resume", max_steps: 310 });
  assertEquals((await fixture.jobs.get(id)).config.max_steps, 310);
  assertEquals((await fixture.untilState(id, "completed")).step, 310);
});

Deno.test("unknown jobs, commands and checkpoints are not found", async () => {
  await using fixture = await SupervisorFixture.open({ trainingSlots: 0 });
  const { jobs } = fixture;
  const { id } = await fixture.submit();
  await assertRejects(() => jobs.get("job-none"), NotFoundError);
  await assertRejects(() => jobs.get("../etc"), NotFoundError);
  await assertRejects(() => jobs.command("job-none", { command: "stop" }, "t"), NotFoundError);
  await assertRejects(() => jobs.receipt(id, "cmd-none"), NotFoundError);
  await assertRejects(() => jobs.checkpointFile(id, 1), NotFoundError);
  await assertRejects(() => jobs.session("sess-none"), NotFoundError);
});

Deno.test("checkpointFile() refuses a file that is cut short or gone", async () => {
  await using fixture = await SupervisorFixture.open();
  const { id } = await fixture.submit({ max_steps: 5 });
  await fixture.untilState(id, "completed");
  const { path, record } = await fixture.jobs.checkpointFile(id, 1);
  assertEquals((await Deno.stat(path)).size, record.bytes);
  await Deno.truncate(path, record.bytes - 1);
  await assertRejects(() => fixture.jobs.checkpointFile(id, 1), CommandFailedError, "damaged");
  await Deno.remove(path);
  await assertRejects(() => fixture.jobs.checkpointFile(id, 1), CommandFailedError, "damaged");
});

Deno.test("a server that shuts down takes no work", async () => {
  await using fixture = await SupervisorFixture.open({ trainingSlots: 0 });
  const { id } = await fixture.submit();
  await fixture.jobs.shutdown(500);
  await assertRejects(() => fixture.jobs.submit(submissionOf()), UnavailableError);
  await assertRejects(() => fixture.jobs.command(id, { command: "stop" }, "t"), UnavailableError);
  const { ready, reason } = await fixture.jobs.health();
  assertEquals([ready, reason], [false, "the server is shutting down"]);
});

Deno.test("submit() refuses a name that the module gives itself as it does one in the request", async () => {
  await using fixture = await SupervisorFixture.open({ trainingSlots: 0 });
  const module = { name: "m.ts", source: 'export default defineJob({ runName: "../up" });' };
  const error = await assertRejects(
    () => fixture.submit({}, { module }),
    UnprocessableError,
    'm.ts: runName "../up"',
  );
  assertEquals(error.field, "module");
});
