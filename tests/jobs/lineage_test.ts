import { assert, assertEquals, assertRejects } from "@std/assert";
import type { MergeRequest } from "../../jobs/control_plane.ts";
import {
  CommandFailedError,
  ConflictError,
  NotFoundError,
  StateConflictError,
  UnprocessableError,
} from "../../jobs/errors.ts";
import type { JobManifest } from "../../jobs/job.ts";
import type { LaunchContext } from "../../runtime/protocol/commands.ts";
import type { Selection } from "../../runtime/protocol/selection.ts";
import { StepGate } from "../fixtures/scripted_trainer.ts";
import { FORK } from "../fixtures/fork_request.ts";
import { MERGE } from "../fixtures/merge_request.ts";
import { SupervisorFixture } from "../fixtures/supervisor_fixture.ts";

const SHORT = { max_steps: 20, max_epochs: 9, ckpt_every_steps: 5, ckpt_keep: 2, seed: 42 };

async function completed(fixture: SupervisorFixture, config = {}): Promise<string> {
  const { id } = await fixture.submit({ ...SHORT, ...config });
  await fixture.untilState(id, "completed");
  return id;
}

/** The context of a job's first worker, and how it started. */
function launched<F extends LaunchContext["start"]["from"]>(
  fixture: SupervisorFixture,
  job: string,
  from: F,
) {
  const context = fixture.launcher.workers.map((worker) => worker.context)
    .find(({ run_id }) => run_id === job)!;
  assertEquals(context.start.from, from);
  return { context, start: context.start as Extract<LaunchContext["start"], { from: F }> };
}

Deno.test("fork() starts a child at its parent's checkpoint, with its data and effective config", async () => {
  await using fixture = await SupervisorFixture.open();
  const parent = await completed(fixture);
  const selection = { kind: "quantile", from: 0.8, to: 1 } as const;
  const { job } = await fixture.jobs.fork(
    parent,
    { ...FORK, selection, lr_mul: 0.5, config: { maxSteps: 10, lr: 0.3 } },
    "ann",
  );
  assertEquals([job.kind, job.run_name, job.parents, job.owner], [
    "fork",
    "fork1",
    [parent],
    "ann",
  ]);
  const root = await fixture.jobs.get(parent);
  assertEquals(job.session, root.session);
  assertEquals(job.origin.step, 20);
  assertEquals(job.config, { ...root.config, max_steps: 10, lr: 0.3 });
  const child = await fixture.untilState(job.id, "completed");
  assertEquals(child.step, 10);
  const { context, start } = launched(fixture, job.id, "fork");
  assertEquals([context.membership_seed, context.dataset_hash], [42, "data"]);
  assertEquals([start.selection, start.lr_mul, start.origin_step], [selection, 0.5, 20]);
  assertEquals(start.overrides?.toSorted(), ["lr", "max_steps"]);
  assertEquals((await Deno.stat(start.checkpoint.path)).isFile, true);
  const [first] = await fixture.events(job.id, "trainStep");
  assertEquals([first!.step, first!.fields.axis_step], [1, 21]);
});

Deno.test("fork() of a running parent saves it first, pins that checkpoint and lets it train on", async () => {
  await using fixture = await SupervisorFixture.open();
  const end = new StepGate(60);
  fixture.launcher.script = {
    beforeStep: async (step, context) => {
      await end.pass(step, context);
      await new Promise((resolve) => setTimeout(resolve, 1));
    },
  };
  const { id } = await fixture.submit({ ...SHORT, max_steps: 60 });
  await fixture.untilStep(id, 7);
  const children = await Promise.all([
    fixture.jobs.fork(id, FORK, "t"),
    fixture.jobs.fork(id, { ...FORK, start: false }, "t"),
  ]);
  assertEquals(children.map(({ job }) => job.run_name), ["fork1", "fork2"]);
  assertEquals(children[1].job.state, "parked");
  assertEquals((await fixture.jobs.get(id)).state, "running");
  end.open();
  await fixture.untilState(id, "completed");
  const records = await fixture.jobs.checkpoints(id);
  for (const { job } of children) {
    const pinned = records.filter(({ pinned_by }) => pinned_by.includes(job.id));
    assertEquals(pinned.map(({ checkpoint }) => checkpoint), [job.origin.checkpoint]);
    assertEquals(pinned[0]!.axis_step, job.origin.step);
  }
  await fixture.untilState(children[0].job.id, "completed");
});

Deno.test("fork() refuses what can be known at once", async () => {
  await using fixture = await SupervisorFixture.open();
  const parent = await completed(fixture);
  const outside = { kind: "indices", indices: [0, 99, 100] } as const;
  const selection = { ...outside, indices: [...outside.indices] };
  await assertRejects(
    () => fixture.jobs.fork(parent, { ...FORK, selection }, "t"),
    UnprocessableError,
    "100 is out of range",
  );
  const refused: [Selection, string, string][] = [
    [{ kind: "indices", indices: [3, 1, 3] }, "selection.indices", "3 is given twice"],
    [{ kind: "hardest", n: 101 }, "selection.n", "101 are more than the 100 samples"],
    [{ kind: "quantile", from: 0.5, to: 0.5001 }, "selection", "it picks none of 100 samples"],
  ];
  for (const [selection, field, message] of refused) {
    const error = await assertRejects(
      () => fixture.jobs.fork(parent, { ...FORK, selection }, "t"),
      UnprocessableError,
      message,
    );
    assertEquals(error.field, field);
  }
  await assertRejects(() => fixture.jobs.fork(parent, { ...FORK, at: 99 }, "t"), NotFoundError);
  await assertRejects(() => fixture.jobs.fork("job-none", FORK, "t"), NotFoundError);
  const { job } = await fixture.jobs.fork(parent, { ...FORK, start: false }, "t");
  await assertRejects(
    () => fixture.jobs.fork(job.id, FORK, "t"),
    ConflictError,
    "no checkpoint yet",
  );
});

Deno.test("fork() and merge() refuse a damaged checkpoint that is named, and pass it over otherwise", async () => {
  await using fixture = await SupervisorFixture.open();
  const parent = await completed(fixture);
  const { job: other } = await fixture.jobs.fork(parent, FORK, "t");
  await fixture.untilState(other.id, "completed");
  const [newest] = (await fixture.jobs.checkpoints(parent)).slice(-1);
  await Deno.truncate(fixture.artifacts.resolve(parent, newest!.path), 9);
  const { checkpoint } = newest!;
  for (
    const named of [
      () => fixture.jobs.fork(parent, { ...FORK, at: checkpoint }, "t"),
      () => fixture.jobs.merge(other.id, { ...MERGE, with: [{ job: parent, checkpoint }] }, "t"),
    ]
  ) {
    await assertRejects(
      named,
      CommandFailedError,
      `checkpoint ${checkpoint} of ${parent} is damaged`,
    );
  }
  const { job } = await fixture.jobs.fork(parent, FORK, "t");
  assert(job.origin.checkpoint! < checkpoint);
  await fixture.untilState(job.id, "completed");
  await fixture.jobs.delete(other.id);
});

Deno.test("fork() with a long index list keeps it as a file", async () => {
  await using fixture = await SupervisorFixture.open();
  fixture.launcher.script = { samples: 5_000 };
  const parent = await completed(fixture);
  const indices = Array.from({ length: 5_000 }, (_, index) => index);
  const selection = { kind: "indices", indices } as const;
  const { job } = await fixture.jobs.fork(parent, { ...FORK, selection: { ...selection } }, "t");
  const { selection: stored } = job.spawn as Extract<JobManifest["spawn"], { kind: "fork" }>;
  assertEquals(Object.keys(stored), ["kind", "sha256", "count"]);
  await fixture.untilState(job.id, "completed");
  const { start } = launched(fixture, job.id, "fork");
  assertEquals(start.selection, selection);
});

Deno.test("fork() with the same key makes one child", async () => {
  await using fixture = await SupervisorFixture.open();
  const parent = await completed(fixture);
  const key = { key: "k", fingerprint: "f" };
  const first = await fixture.jobs.fork(parent, FORK, "t", key);
  const second = await fixture.jobs.fork(parent, FORK, "t", key);
  assertEquals([second.job.id, second.replayed], [first.job.id, true]);
  await fixture.untilState(first.job.id, "completed");
});

Deno.test("merge() that is not to start computes its weights in a helper slot, and parks", async () => {
  await using fixture = await SupervisorFixture.open();
  const parent = await completed(fixture);
  const { job: other } = await fixture.jobs.fork(parent, FORK, "t");
  await fixture.untilState(other.id, "completed");
  await fixture.crash({ trainingSlots: 0 });
  const request: MergeRequest = {
    ...MERGE,
    with: [{ job: other.id }],
    strategy: "weighted",
    params: { weights: [3, 1] },
  };
  const { job } = await fixture.jobs.merge(parent, request, "t");
  assertEquals([job.kind, job.run_name, job.parents], ["merge", "merge1", [parent, other.id]]);
  assertEquals(job.origin.step, 40);
  const { step, goal } = await fixture.untilState(job.id, "parked");
  assertEquals([step, goal], [0, "parked"]);
  const [checkpoint] = await fixture.jobs.checkpoints(job.id);
  assertEquals([checkpoint!.checkpoint, checkpoint!.step], [1, 0]);
  const { start } = launched(fixture, job.id, "merge");
  assertEquals(start.checkpoints.map((reference) => reference.job), [parent, other.id]);
  const { split } = await fixture.control(job.id, { command: "test", split: "test" });
  assertEquals(split, "test");
  assertEquals((await fixture.jobs.health()).slots.training_used, 0);
});

Deno.test("merge() that is to start trains on", async () => {
  await using fixture = await SupervisorFixture.open();
  const parent = await completed(fixture);
  const { job: other } = await fixture.jobs.fork(parent, FORK, "t");
  await fixture.untilState(other.id, "completed");
  const request = { ...MERGE, with: [{ job: other.id }], start: true };
  const { job } = await fixture.jobs.merge(parent, request, "t");
  const merged = await fixture.untilState(job.id, "completed");
  assertEquals(merged.step, 20);
});

Deno.test("merge() refuses what can be known at once", async () => {
  await using fixture = await SupervisorFixture.open();
  fixture.launcher.script = {
    shape: ({ config }) => config.seed === 7 ? [4, 3] : [2, 3],
  };
  const parent = await completed(fixture);
  const stranger = await completed(fixture);
  const { job: other } = await fixture.jobs.fork(parent, { ...FORK, config: { seed: 7 } }, "t");
  await fixture.untilState(other.id, "completed");
  const refuses = async (part: Partial<MergeRequest>, field: string, text: string) => {
    const error = await assertRejects(
      () => fixture.jobs.merge(parent, { ...MERGE, with: [{ job: other.id }], ...part }, "t"),
      UnprocessableError,
      text,
    );
    assertEquals(error.field, field);
  };
  await refuses({ with: [{ job: parent }] }, "with", "with itself");
  await refuses({ with: [{ job: stranger }] }, "with", "session");
  await refuses({ strategy: "mean" }, "strategy", "known: swa, weighted");
  await refuses({ params: { weights: [1, 1] } }, "params", "weights");
  await refuses(
    { strategy: "weighted", params: { weights: [1, 2, 3] } },
    "params.weights",
    "3 weights",
  );
  await refuses({ strategy: "weighted", params: { weights: [0, 0] } }, "params.weights", "all 0");
  const endless = { weights: [1e308, 1e308] };
  await refuses({ strategy: "weighted", params: endless }, "params.weights", "not finite");
  await refuses({}, "with", "0000/kernel is F32 [2, 3] in the first and F32 [4, 3] in the second");
  const unknown = { ...MERGE, with: [{ job: "job-none" }] };
  await assertRejects(() => fixture.jobs.merge(parent, unknown, "t"), NotFoundError);
  const pins = (await fixture.jobs.checkpoints(parent)).flatMap(({ pinned_by }) => pinned_by);
  assertEquals(pins, [other.id]);
  const { jobs } = await fixture.jobs.session((await fixture.jobs.get(parent)).session);
  assertEquals(jobs.length, 2);
});

Deno.test("the ring keeps the newest checkpoints and what children started from, records and files alike", async () => {
  await using fixture = await SupervisorFixture.open();
  const gate = new StepGate(6);
  fixture.launcher.script = { beforeStep: gate.pass };
  const { id } = await fixture.submit(SHORT);
  await gate.reached;
  const { job } = await fixture.jobs.fork(id, { ...FORK, at: 1, start: false }, "t");
  gate.open();
  await fixture.untilState(id, "completed");
  const records = await fixture.jobs.checkpoints(id);
  const kept = records.map(({ checkpoint, step }) => [checkpoint, step]);
  assertEquals(kept, [[1, 0], [4, 15], [5, 20]]);
  assertEquals(records[0]!.pinned_by, [job.id]);
  await fixture.restart();
  assertEquals(await fixture.jobs.checkpoints(id), records);
  const folder = `${fixture.artifacts.jobDir(id)}/checkpoints/1`;
  const files = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
  assertEquals(files.sort(), ["000001", "000004", "000005"].map((n) => `${n}.safetensors`));
});

Deno.test("delete() names the dependants of a job, and frees its own origins", async () => {
  await using fixture = await SupervisorFixture.open();
  const parent = await completed(fixture);
  const { job } = await fixture.jobs.fork(parent, FORK, "t");
  await fixture.untilState(job.id, "completed");
  const error = await assertRejects(() => fixture.jobs.delete(parent), ConflictError, job.id);
  assertEquals(error.extra.dependants, [job.id]);
  await fixture.jobs.delete(job.id);
  await assertRejects(() => fixture.jobs.get(job.id), NotFoundError);
  assertEquals(await fixture.events(job.id), []);
  await assertRejects(() => Deno.stat(fixture.artifacts.jobDir(job.id)), Deno.errors.NotFound);
  await fixture.jobs.delete(parent);
  assertEquals(await fixture.jobs.sessions(), []);
  assertEquals((await fixture.jobs.list({ limit: 10 })).items, []);
});

Deno.test("delete() refuses a job that is live", async () => {
  await using fixture = await SupervisorFixture.open();
  fixture.launcher.script = {
    beforeStep: () => new Promise((resolve) => setTimeout(resolve, 1)),
  };
  const { id } = await fixture.submit({ ...SHORT, max_steps: 10_000, max_epochs: 10_000 });
  await fixture.untilState(id, "running");
  const error = await assertRejects(() => fixture.jobs.delete(id), StateConflictError);
  assertEquals(error.state, "running");
  await fixture.control(id, { command: "stop" });
  await fixture.jobs.delete(id);
});

Deno.test("what is asked of a job while it is being deleted is told that there is none", async () => {
  await using fixture = await SupervisorFixture.open();
  const id = await completed(fixture);
  const deleted = fixture.jobs.delete(id);
  await Promise.all([
    deleted,
    assertRejects(() => fixture.control(id, { command: "test", split: "val" }), NotFoundError),
    assertRejects(() => fixture.control(id, { command: "checkpoint" }), NotFoundError),
    assertRejects(() => fixture.jobs.fork(id, FORK, "t"), NotFoundError),
  ]);
  assertEquals(await fixture.events(id), []);
});
