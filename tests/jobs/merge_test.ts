import { assert, assertEquals, assertRejects } from "@std/assert";
import type { MergeRequest } from "../../jobs/control_plane.ts";
import { ConflictError, UnprocessableError } from "../../jobs/errors.ts";
import type { LaunchContext } from "../../runtime/protocol/commands.ts";
import { FORK } from "../fixtures/fork_request.ts";
import { MERGE } from "../fixtures/merge_request.ts";
import { SupervisorFixture } from "../fixtures/supervisor_fixture.ts";

type MergeStart = Extract<LaunchContext["start"], { from: "merge" }>;

const TIES: MergeRequest = { ...MERGE, strategy: "ties" };
const SHORT = { max_steps: 20, max_epochs: 9, ckpt_every_steps: 5, ckpt_keep: 9, seed: 42 };

/** A job that has trained, with checkpoints 1 to 5 at steps 0, 5, 10, 15 and 20. */
async function root(fixture: SupervisorFixture): Promise<string> {
  const { id } = await fixture.submit(SHORT);
  await fixture.untilState(id, "completed");
  return id;
}

async function fork(fixture: SupervisorFixture, parent: string, at: number | "now" = "now") {
  const { job } = await fixture.jobs.fork(parent, { ...FORK, at }, "t");
  await fixture.untilState(job.id, "completed");
  return job.id;
}

async function merge(fixture: SupervisorFixture, path: string, request: Partial<MergeRequest>) {
  const { job } = await fixture.jobs.merge(path, { ...TIES, ...request }, "t");
  await fixture.untilState(job.id, "parked");
  return job.id;
}

function startOf(fixture: SupervisorFixture, job: string): MergeStart {
  return fixture.launcher.workers.map(({ context }) => context)
    .find(({ run_id }) => run_id === job)!.start as MergeStart;
}

const points = (references: { job: string; checkpoint: number }[]) =>
  references.map(({ job, checkpoint }) => [job, checkpoint]);

Deno.test("merge() gives the worker the nearest checkpoint that all parents came from", async () => {
  await using fixture = await SupervisorFixture.open();
  const base = await root(fixture);
  const [early, late] = [await fork(fixture, base, 2), await fork(fixture, base, 4)];
  const grandchild = await fork(fixture, late, 3);
  const cases: [string, string[], [string, number]][] = [
    [early, [late], [base, 2]],
    [late, [grandchild], [late, 3]],
    [early, [grandchild], [base, 2]],
    [base, [late], [base, 4]],
    [base, [late, early, grandchild], [base, 2]],
  ];
  for (const [path, others, nearest] of cases) {
    const job = await merge(fixture, path, { with: others.map((other) => ({ job: other })) });
    const { ancestor, checkpoints } = startOf(fixture, job);
    assertEquals(points([ancestor!]), [nearest]);
    assertEquals(checkpoints.map((reference) => reference.job), [path, ...others]);
    assert((await Deno.stat(ancestor!.path)).isFile);
    const record = (await fixture.jobs.checkpoints(nearest[0]))
      .find(({ checkpoint }) => checkpoint === nearest[1])!;
    assert(record.pinned_by.includes(job));
  }
});

Deno.test("merge() of a merge finds what its parents came from", async () => {
  await using fixture = await SupervisorFixture.open();
  const base = await root(fixture);
  const [one, other] = [await fork(fixture, base, 3), await fork(fixture, base, 3)];
  const merged = await merge(fixture, one, { with: [{ job: other }] });
  const further = await fork(fixture, merged);
  const again = await merge(fixture, further, { with: [{ job: await fork(fixture, base, 2) }] });
  assertEquals(points([startOf(fixture, again).ancestor!]), [[base, 2]]);
});

Deno.test("merge() follows takes: what was rewound away is nobody's ancestor", async () => {
  await using fixture = await SupervisorFixture.open();
  const base = await root(fixture);
  const abandoned = await fork(fixture, base, 4);
  await fixture.control(base, { command: "rewind", checkpoint: 2 });
  await fixture.control(base, { command: "resume" });
  await fixture.untilState(base, "completed");
  const job = await merge(fixture, base, { with: [{ job: abandoned }] });
  assertEquals(points([startOf(fixture, job).ancestor!]), [[base, 2]]);
});

Deno.test("merge() takes checkpoints of one job as parents, each once", async () => {
  await using fixture = await SupervisorFixture.open();
  const base = await root(fixture);
  const job = await merge(fixture, base, {
    strategy: "swa",
    with: [{ job: base, checkpoint: 2 }, { job: base, checkpoint: 4 }],
  });
  const manifest = await fixture.jobs.get(job);
  assertEquals(manifest.parents, [base]);
  const { checkpoints } = startOf(fixture, job);
  assertEquals(points(checkpoints), [[base, 5], [base, 2], [base, 4]]);
  assertEquals(manifest.origin.step, 20);
  await assertRejects(
    () => merge(fixture, base, { strategy: "swa", with: [{ job: base, checkpoint: 5 }] }),
    UnprocessableError,
    `checkpoint 5 of ${base} is there twice`,
  );
});

Deno.test("merge() refuses a parent that the others came from, where that leaves nothing to learn", async () => {
  await using fixture = await SupervisorFixture.open();
  const base = await root(fixture);
  const child = await fork(fixture, base);
  for (const strategy of ["task_arithmetic", "ties", "dare", "model_stock"]) {
    const error = await assertRejects(
      () => merge(fixture, base, { strategy, with: [{ job: child }] }),
      UnprocessableError,
      `came from checkpoint 5 of ${base}, itself a parent`,
    );
    assertEquals(error.field, "with");
  }
  await merge(fixture, base, {
    strategy: "adapter",
    params: { layers: ["0000/*"] },
    with: [{ job: child }],
  });
  await merge(fixture, base, { strategy: "swa", with: [{ job: child }] });
});

Deno.test("merge() refuses what reckons from an ancestor once none is sound", async () => {
  await using fixture = await SupervisorFixture.open();
  const base = await root(fixture);
  const others = [await fork(fixture, base, 1), await fork(fixture, base, 1)];
  const [first] = await fixture.jobs.checkpoints(base);
  await Deno.truncate(fixture.artifacts.resolve(base, first!.path), 9);
  const error = await assertRejects(
    () => merge(fixture, others[0]!, { with: [{ job: others[1]! }] }),
    UnprocessableError,
    "of this architecture that all parents came from, and none is left",
  );
  assertEquals(error.field, "strategy");
});

Deno.test("merge() takes no ancestor of another architecture", async () => {
  await using fixture = await SupervisorFixture.open();
  const base = await root(fixture);
  fixture.launcher.script = { shape: ({ run_id }) => run_id === base ? [2, 3] : [5, 3] };
  const others = [await fork(fixture, base, 1), await fork(fixture, base, 1)];
  const request = { with: [{ job: others[1]! }] };
  await assertRejects(
    () => merge(fixture, others[0]!, request),
    UnprocessableError,
    "of this architecture",
  );
  const job = await merge(fixture, others[0]!, { ...request, strategy: "swa" });
  assertEquals(startOf(fixture, job).ancestor, null);
});

Deno.test("merge() refuses parameters by name, and more parents than a strategy takes", async () => {
  await using fixture = await SupervisorFixture.open();
  const base = await root(fixture);
  const others = [await fork(fixture, base, 1), await fork(fixture, base, 1)];
  const refuses = async (request: Partial<MergeRequest>, field: string, text: string) => {
    const error = await assertRejects(
      () => merge(fixture, base, { with: others.map((job) => ({ job })), ...request }),
      UnprocessableError,
      text,
    );
    assertEquals(error.field, field);
  };
  await refuses({ params: { density: 2 } }, "params.density", "density");
  await refuses({ params: { densty: 0.2 } }, "params", "densty");
  await refuses({ strategy: "adapter", params: {} }, "params.layers", "layers");
  await refuses({ strategy: "slerp" }, "with", "slerp takes 2 parents, not 3");
  await refuses(
    { strategy: "adapter", params: { layers: ["a"], weights: [1, 2] } },
    "params.weights",
    "2 weights for 3 parents",
  );
});

Deno.test("merge() refuses a control that could not be compared or trained", async () => {
  await using fixture = await SupervisorFixture.open();
  const base = await root(fixture);
  const other = await fork(fixture, base, 3);
  const refuses = async (request: Partial<MergeRequest>, text: string) => {
    const error = await assertRejects(
      () => merge(fixture, base, { with: [{ job: other }], control: true, ...request }),
      UnprocessableError,
      text,
    );
    assertEquals(error.field, "control");
  };
  await refuses({ gate: null }, "there is no gate to compare it in");
  await refuses({ strategy: "distillation" }, "a distillation has none");
  const job = await merge(fixture, base, { with: [{ job: other }], control: true });
  assertEquals(startOf(fixture, job).control, true);
});

Deno.test("delete() of a job is refused while a merge is made of it, and frees its ancestor after", async () => {
  await using fixture = await SupervisorFixture.open();
  const base = await root(fixture);
  const [one, other] = [await fork(fixture, base, 3), await fork(fixture, base, 3)];
  const [made, deleted] = await Promise.allSettled([
    merge(fixture, one, { with: [{ job: other }] }),
    fixture.jobs.delete(other),
  ]);
  // Whichever came first, the other is told.
  if (made.status === "rejected") {
    assertEquals(deleted.status, "fulfilled");
    return;
  }
  assert(deleted.status === "rejected" && deleted.reason instanceof ConflictError);
  const held = async () =>
    (await fixture.jobs.checkpoints(base)).flatMap(({ pinned_by }) => pinned_by);
  assert((await held()).includes(made.value));
  await fixture.jobs.delete(made.value);
  assertEquals((await held()).includes(made.value), false);
});
