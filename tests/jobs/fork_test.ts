import { assert, assertEquals, assertRejects } from "@std/assert";
import type { ForkRequest } from "../../jobs/control_plane.ts";
import { StateConflictError, UnprocessableError } from "../../jobs/errors.ts";
import { overlapOf } from "../../jobs/lineage/known_overlap.ts";
import type { Selection } from "../../runtime/protocol/selection.ts";
import { FORK } from "../fixtures/fork_request.ts";
import { StepGate } from "../fixtures/scripted_trainer.ts";
import { SupervisorFixture } from "../fixtures/supervisor_fixture.ts";

const SHORT = { max_steps: 20, max_epochs: 9, ckpt_every_steps: 5, ckpt_keep: 2, seed: 42 };

function forks(...selections: ForkRequest["selection"][]): ForkRequest[] {
  return selections.map((selection) => ({ ...FORK, selection }));
}

async function completed(fixture: SupervisorFixture): Promise<string> {
  const { id } = await fixture.submit(SHORT);
  await fixture.untilState(id, "completed");
  return id;
}

Deno.test("forkAll() makes ten children of one save, which queue within the slots", async () => {
  await using fixture = await SupervisorFixture.open({ trainingSlots: 3 });
  const end = new StepGate(60);
  fixture.launcher.script = {
    beforeStep: async (step, context) => {
      await end.pass(step, context);
      await new Promise((resolve) => setTimeout(resolve, 1));
    },
  };
  const { id } = await fixture.submit({ ...SHORT, max_steps: 60, ckpt_every_steps: null });
  await fixture.untilStep(id, 7);
  const requests = Array.from({ length: 10 }, () => ({ ...FORK, config: { maxSteps: 5 } }));
  const { jobs, overlap } = await fixture.jobs.forkAll(id, requests, "t");
  assertEquals(jobs.map((job) => job.run_name), requests.map((_, at) => `fork${at + 1}`));
  assertEquals(overlap, 100);
  const saves = (await fixture.events(id, "checkpoint_saved"))
    .filter(({ fields }) => fields.reason === "fork");
  assertEquals(saves.length, 1);
  const [pinned] = (await fixture.jobs.checkpoints(id)).filter(({ pinned_by }) =>
    pinned_by.length > 0
  );
  assertEquals(pinned!.pinned_by.toSorted(), jobs.map((job) => job.id).toSorted());
  const { slots } = await fixture.jobs.health();
  assertEquals([slots.training, slots.training_used], [3, 3]);
  const states = await Promise.all(jobs.map(async (job) => (await fixture.jobs.get(job.id)).state));
  assert(states.filter((state) => state === "queued").length >= 8);
  end.open();
  for (const job of jobs) await fixture.untilState(job.id, "completed");
});

Deno.test("forkAll() makes all children or none, and names the one that is refused", async () => {
  await using fixture = await SupervisorFixture.open();
  const parent = await completed(fixture);
  const refused: [ForkRequest[], string][] = [
    [forks({ kind: "all" }, { kind: "hardest", n: 101 }), "children.1.selection.n"],
    [forks({ kind: "indices", indices: [100] }, { kind: "all" }), "children.0.selection.indices"],
    [[FORK, { ...FORK, at: "now" }, { ...FORK, at: 99 }], "children.2"],
  ];
  for (const [requests, field] of refused) {
    const error = await assertRejects(
      () => fixture.jobs.forkAll(parent, requests, "t"),
      UnprocessableError,
      field,
    );
    assertEquals([error.field, error.extra.child], [field, Number(field.split(".")[1])]);
  }
  const { jobs } = await fixture.jobs.session((await fixture.jobs.get(parent)).session);
  assertEquals(jobs.map(({ id }) => id), [parent]);
  const records = await fixture.jobs.checkpoints(parent);
  assertEquals(records.flatMap(({ pinned_by }) => pinned_by), []);
  assertEquals(await fixture.artifacts.folders(), [parent]);
});

Deno.test("forkAll() refuses children of a job that takes no fork, before anything is made", async () => {
  await using fixture = await SupervisorFixture.open({ trainingSlots: 0 });
  const { id } = await fixture.submit(SHORT);
  await assertRejects(() => fixture.jobs.forkAll(id, [FORK, FORK], "t"), StateConflictError);
  assertEquals(await fixture.artifacts.folders(), [id]);
});

Deno.test("forkAll() with the same key answers the same children, after a restart as well", async () => {
  await using fixture = await SupervisorFixture.open();
  const parent = await completed(fixture);
  const key = { key: "k", fingerprint: "f" };
  const requests = forks({ kind: "hardest", n: 10 }, { kind: "quantile", from: 0, to: 0.9 })
    .map((request) => ({ ...request, start: false }));
  const first = await fixture.jobs.forkAll(parent, requests, "t", key);
  assertEquals([first.replayed, first.overlap], [false, 0]);
  await fixture.restart();
  const second = await fixture.jobs.forkAll(parent, requests, "t", key);
  const ids = (answer: typeof first) => answer.jobs.map(({ id }) => id);
  assertEquals([ids(second), second.overlap, second.replayed], [ids(first), 0, true]);
  await assertRejects(
    () => fixture.jobs.forkAll(parent, requests, "t", { ...key, fingerprint: "other" }),
    UnprocessableError,
    "other content",
  );
});

Deno.test("forkAll() lets children share a name, numbered, and begin at several checkpoints", async () => {
  await using fixture = await SupervisorFixture.open();
  const parent = await completed(fixture);
  const checkpoints = (await fixture.jobs.checkpoints(parent)).map(({ checkpoint }) => checkpoint);
  const { jobs, overlap } = await fixture.jobs.forkAll(
    parent,
    checkpoints.map((at) => ({ ...FORK, at, run_name: "hard", start: false })),
    "t",
  );
  assertEquals(jobs.map(({ run_name }) => run_name), ["hard", "hard-2"]);
  assertEquals(jobs.map(({ origin }) => origin.checkpoint), checkpoints);
  // What they are at one model says nothing of the other, but for rules about places.
  assertEquals(overlap, null);
});

Deno.test("overlapOf() counts the samples that rules share, where no scan is needed", () => {
  const label = (...labels: number[]): Selection => ({ kind: "label", labels });
  const cluster = (k: number, ...clusters: number[]): Selection => ({
    kind: "kmeans",
    k,
    clusters,
  });
  const places = (...indices: number[]): Selection => ({ kind: "indices", indices });
  const all: Selection = { kind: "all" };
  const top: Selection = { kind: "hardest", n: 30 };
  const cases: [Selection[], number | null][] = [
    [[places(0, 1, 2), places(2, 3), places(2, 1)], 2],
    [[all, places(4, 5)], 2],
    [[all, top], 30],
    [[{ kind: "quantile", from: 0.6, to: 1 }, top], 30],
    [[{ kind: "quantile", from: 0, to: 0.5 }, { kind: "quantile", from: 0.5, to: 1 }], 0],
    [[cluster(3, 0), cluster(3, 1, 2)], 0],
    [[cluster(3, 0), cluster(3, 0, 1)], null],
    [[cluster(3, 0), cluster(4, 1)], null],
    [[label(0), label(1)], 0],
    [[label(0, 0), label(1)], 0],
    [[label(0), label(0, 1)], null],
    [[label(0), top], null],
    [[top, places(1)], null],
    [[all, label(0)], null],
  ];
  for (const [rules, expected] of cases) {
    assertEquals(overlapOf(rules, 100), expected, JSON.stringify(rules));
  }
});
