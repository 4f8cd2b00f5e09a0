import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { NotFoundError, StateConflictError } from "../../jobs/errors.ts";
import { SupervisorFixture } from "../fixtures/supervisor_fixture.ts";

const LONG = { max_epochs: 100_000, ckpt_every_steps: 5, ckpt_keep: 50 };
const FORK = {
  selection: { kind: "all" },
  at: "now",
  config: {},
  lr_mul: 1,
  optimizer: "keep",
  start: true,
} as const;

/** A session whose root and first fork train. */
async function twoRuns(fixture: SupervisorFixture) {
  fixture.launcher.script = {
    beforeStep: (at) => at > 5 ? new Promise((resolve) => setTimeout(resolve, 1)) : undefined,
  };
  const root = await fixture.submit(LONG);
  await fixture.untilStep(root.id, 5);
  const { job: fork } = await fixture.jobs.fork(root.id, FORK, "tester");
  await fixture.untilStep(fork.id, 5);
  return { session: root.session, root: root.id, fork: fork.id };
}

Deno.test("switchRun() parks the others of the session and resumes the one", async () => {
  await using fixture = await SupervisorFixture.open();
  const { session, root, fork } = await twoRuns(fixture);
  const { runs } = fixture.jobs;
  const first = await runs.switchRun(session, fork, "tester");
  assertEquals([first.paused, first.receipts.length], [[root], 2]);
  assertEquals((await fixture.jobs.get(root)).state, "parked");
  assertEquals((await fixture.jobs.get(fork)).state, "running");
  const back = await runs.switchRun(session, root, "tester");
  assertEquals(back.paused, [fork]);
  await fixture.untilState(root, "running");
  assertEquals((await fixture.jobs.get(fork)).state, "parked");
  await fixture.control(root, { command: "stop" });
});

Deno.test("switchRun() to a job that cannot resume pauses nobody", async () => {
  await using fixture = await SupervisorFixture.open();
  const { session, root, fork } = await twoRuns(fixture);
  await fixture.control(fork, { command: "stop" });
  const { runs } = fixture.jobs;
  await assertRejects(() => runs.switchRun(session, fork, "tester"), StateConflictError);
  await assertRejects(() => runs.switchRun(session, "job-000000000000", "tester"), NotFoundError);
  assertEquals((await fixture.jobs.get(root)).state, "running");
  await fixture.control(root, { command: "stop" });
});

Deno.test("spillAll() saves where each job at work stands, and nothing twice", async () => {
  await using fixture = await SupervisorFixture.open();
  const { session, root, fork } = await twoRuns(fixture);
  await fixture.control(root, { command: "pause", release: false });
  const before = (await fixture.jobs.checkpoints(root)).length;
  const spilled = await fixture.jobs.runs.spillAll(session, "tester");
  assertEquals(spilled.map(({ job }) => job).sort(), [root, fork].sort());
  for (const { job, checkpoint, step } of spilled) {
    const record = (await fixture.jobs.checkpoints(job))
      .find((record) => record.checkpoint === checkpoint);
    assertEquals(record?.step, step);
  }
  assertEquals((await fixture.jobs.checkpoints(root)).length, before);
  for (const job of [root, fork]) await fixture.control(job, { command: "stop" });
});

Deno.test("cleanDisk() keeps what a job goes on from, labels and pins, and says what it frees", async () => {
  await using fixture = await SupervisorFixture.open();
  const { session, root, fork } = await twoRuns(fixture);
  await fixture.control(root, { command: "checkpoint", label: "good" });
  await fixture.untilStep(root, 40);
  const { runs } = fixture.jobs;
  assertEquals((await runs.cleanDisk(session, false)).items, [], "jobs at work are left alone");
  await fixture.control(root, { command: "stop" });
  await fixture.control(fork, { command: "stop" });
  const stray = join(fixture.folder, "jobs", root, "checkpoints", "1", "999999.safetensors.tmp");
  await Deno.writeFile(stray, new Uint8Array(1_000));

  const before = await fixture.jobs.checkpoints(root);
  const dry = await runs.cleanDisk(session, true);
  assertEquals((await fixture.jobs.checkpoints(root)).length, before.length);
  assert(dry.dry_run && dry.bytes > 1_000);
  const wet = await runs.cleanDisk(session, false);
  assertEquals({ ...wet, dry_run: true }, dry);
  assertEquals(wet.items.find(({ job }) => job === root)?.strays, 1);

  const kept = await fixture.jobs.checkpoints(root);
  const newest = before.at(-1)!.checkpoint;
  assert(
    kept.every(({ checkpoint, label, pinned_by }) =>
      checkpoint === newest || label === "good" || pinned_by.length > 0
    ),
  );
  assertEquals(kept.length, 3);
  await assertRejects(() => Deno.stat(stray), Deno.errors.NotFound);
  assertEquals((await runs.cleanDisk(session, false)).bytes, 0);
  await fixture.control(root, { command: "resume", max_epochs: 200_000 });
  await fixture.untilStep(root, (await fixture.jobs.get(root)).step + 3);
  await fixture.control(root, { command: "stop" });
});

Deno.test("setCounterSeeds() has names of children go on behind them, after a restart too", async () => {
  await using fixture = await SupervisorFixture.open();
  const { session, root, fork } = await twoRuns(fixture);
  await fixture.control(fork, { command: "stop" });
  await fixture.jobs.runs.setCounterSeeds(session, { fork: 7, merge: 2 });
  const forked = async () =>
    (await fixture.jobs.fork(root, { ...FORK, start: false }, "tester")).job.run_name;
  assertEquals(await forked(), "fork8");
  await fixture.control(root, { command: "stop" });
  await fixture.restart();
  assertEquals(await forked(), "fork9");
  await fixture.jobs.runs.setCounterSeeds(session, { fork: 0, merge: 0 });
  assertEquals(await forked(), "fork2");
});
