import { assertEquals, assertRejects } from "@std/assert";
import type { ControlRequest } from "../../jobs/control_plane.ts";
import { CommandFailedError, ConflictError, UnprocessableError } from "../../jobs/errors.ts";
import { SuspectStore } from "../../jobs/inspection/suspect_store.ts";
import { loadSelection } from "../../jobs/life/launch_context.ts";
import type { SuspectItem, SuspectKind } from "../../runtime/protocol/suspects.ts";
import { SuspectsRequest } from "../../runtime/protocol/suspects.ts";
import { scriptedSuspects } from "../fixtures/scripted_suspects.ts";
import { SupervisorFixture } from "../fixtures/supervisor_fixture.ts";

const SEARCH = {
  command: "suspects",
  at: "now",
  ...SuspectsRequest.parse({}),
} as const satisfies ControlRequest;

const KINDS = ["mislabelled", "duplicates", "outliers"];

function suspect(kind: SuspectKind, row: number | null, score = 1): SuspectItem {
  return { index: row, row, kind, score, evidence: {} };
}

Deno.test("a search is kept and paged by kind, and selections count and leave out what it found", async () => {
  await using fixture = await SupervisorFixture.open();
  const id = await fixture.trainSlowly();
  fixture.launcher.script.onSuspects = () =>
    Promise.resolve([
      suspect("mislabelled", 2),
      suspect("mislabelled", 0),
      suspect("outliers", 2),
      suspect("slice", null),
    ]);
  assertEquals((await fixture.control(id, SEARCH)).run, 1);
  assertEquals((await fixture.jobs.get(id)).state, "running");
  const { inspection } = fixture.jobs;
  const all = await inspection.suspects(id, 1, { limit: 3, cursor: 0 });
  assertEquals([all.items.length, all.next_cursor], [3, "3"]);
  const far = await inspection.suspects(id, 1, { kind: "outliers", limit: 3, cursor: 0 });
  assertEquals([far.items.map(({ row }) => row), far.next_cursor], [[2], null]);
  const place = { command: "selection", split: "train", at: "now" } as const;
  const every = await fixture.control(id, { ...place, selection: { kind: "all" } });
  assertEquals(every.suspects, {
    run: 1,
    count: 2,
    kinds: { mislabelled: 2, duplicates: 0, outliers: 1 },
  });
  const kept = { kind: "not", selection: { kind: "suspects" } } as const;
  const rest = await fixture.control(id, { ...place, selection: kept });
  assertEquals([rest.count, rest.samples], [1, 3]);
  const { selection } = await inspection.selection(id, String(rest.sha256));
  assertEquals(selection, {
    kind: "not",
    selection: {
      kind: "suspects",
      run: 1,
      kinds: KINDS,
      indices: [0, 2],
    },
  });
  await assertRejects(
    () => fixture.control(id, { ...place, split: "val", selection: kept }),
    UnprocessableError,
    "nobody has looked",
  );
  await fixture.control(id, { command: "stop" });
});

Deno.test("a fork without many suspects keeps its rule beside its manifest, whole", async () => {
  await using fixture = await SupervisorFixture.open();
  const id = await fixture.trainSlowly();
  const rows = Array.from({ length: 20_000 }, (_, row) => row);
  fixture.launcher.script.onSuspects = () =>
    Promise.resolve(rows.map((row) => suspect("mislabelled", row)));
  await fixture.control(id, SEARCH);
  const { job } = await fixture.jobs.fork(id, {
    selection: { kind: "not", selection: { kind: "suspects" } },
    at: "now",
    config: {},
    lr_mul: 1,
    optimizer: "keep",
    start: false,
  }, "tester");
  if (job.spawn?.kind !== "fork") throw new Error("it is no fork");
  const { selection: stored } = job.spawn;
  assertEquals(["count" in stored && stored.count, stored.kind], [20_000, "rule"]);
  const rule = await loadSelection({ artifacts: fixture.artifacts }, job.id, stored);
  assertEquals(rule, {
    kind: "not",
    selection: { kind: "suspects", run: 1, kinds: KINDS, indices: rows },
  });
  await fixture.control(id, { command: "stop" });
});

Deno.test("cancel() ends a search half-way; nothing is kept and the job trains on", async () => {
  await using fixture = await SupervisorFixture.open();
  const id = await fixture.trainSlowly();
  const begun = Promise.withResolvers<void>();
  fixture.launcher.script.onSuspects = async () => {
    begun.resolve();
    await fixture.launcher.worker(id).exited;
    return [];
  };
  const { command_id, receipt } = await fixture.jobs.command(id, SEARCH, "tester");
  const failed = assertRejects(() => receipt, ConflictError, "was cancelled");
  await begun.promise;
  assertEquals((await fixture.jobs.cancel(id, command_id)).status, "failed");
  await failed;
  assertEquals(await fixture.jobs.inspection.searches(id), []);
  assertEquals((await fixture.jobs.get(id)).state, "running");
  await fixture.control(id, { command: "stop" });
});

Deno.test("SuspectStore.keep() refuses a file that is not what was announced, and keeps nothing", async () => {
  await using fixture = await SupervisorFixture.open();
  const { id } = await fixture.submit({ max_steps: 1 });
  await fixture.untilState(id, "completed");
  const store = new SuspectStore(fixture.artifacts);
  const folder = await Deno.makeTempDir({ dir: fixture.folder });
  const payload = { ...SuspectsRequest.parse({}), folder, reports: [] };
  const result = scriptedSuspects(payload, [suspect("outliers", 1)]);
  const place = { job: id, checkpoint: 1, take: 1, step: 1, axis_step: 1, epoch: 0 };
  const record = { ...result, ...place, dataset_hash: null, created_at: 0 };
  await Deno.writeTextFile(`${folder}/items.jsonl`, "{}\n");
  await assertRejects(() => store.keep(record, folder), CommandFailedError, "announced");
  assertEquals(await store.list(id), []);
});
