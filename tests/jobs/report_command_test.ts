import { assertEquals, assertRejects } from "@std/assert";
import type { ControlRequest } from "../../jobs/control_plane.ts";
import {
  CommandFailedError,
  ConflictError,
  NotFoundError,
  UnprocessableError,
} from "../../jobs/errors.ts";
import { ReportStore } from "../../jobs/inspection/report_store.ts";
import { scriptedScan } from "../fixtures/scripted_scan.ts";
import { SupervisorFixture } from "../fixtures/supervisor_fixture.ts";

const REPORT = {
  command: "report",
  split: "train",
  of: "parent",
  training_mode: false,
  at: "now",
} as const satisfies ControlRequest;

Deno.test("a report takes no turn: the job is paused while a scan goes on", async () => {
  await using fixture = await SupervisorFixture.open();
  const id = await fixture.trainSlowly();
  const [begun, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  fixture.launcher.script.onScan = async () => {
    begun.resolve();
    await go.promise;
    return [3, NaN, 1, 2];
  };
  const pending = await fixture.jobs.command(id, REPORT, "tester");
  await begun.promise;
  const paused = await fixture.control(id, { command: "pause", release: false });
  assertEquals(paused.status, "applied");
  go.resolve();
  assertEquals((await pending.receipt).report, 1);
  const { inspection } = fixture.jobs;
  const rows = async (sort: string, limit: number, cursor?: string) =>
    await inspection.rows(id, 1, { sort, limit, cursor });
  assertEquals((await rows("-loss", 3)).items.map(({ loss }) => loss), [3, 2, 1]);
  const { items, next_cursor } = await rows("loss", 2, "2");
  assertEquals(items.map(({ row, loss }) => [row, loss]), [[0, 3], [1, null]]);
  assertEquals(next_cursor, null);
  const [record] = await inspection.reports(id);
  assertEquals([record!.summary.loss.nan, record!.summary.loss.max], [1, 3]);
  await fixture.restart();
  assertEquals(await fixture.jobs.inspection.report(id, 1), record);
  await fixture.control(id, { command: "stop" });
});

Deno.test("cancel() ends a scan half-way, twice; its receipt says so and nothing is kept", async () => {
  await using fixture = await SupervisorFixture.open();
  const id = await fixture.trainSlowly();
  const { jobs } = fixture;
  for (let time = 1; time <= 2; time++) {
    const begun = Promise.withResolvers<void>();
    fixture.launcher.script.onScan = async () => {
      begun.resolve();
      await fixture.launcher.worker(id).exited;
      return [];
    };
    const { command_id, receipt } = await jobs.command(id, REPORT, "tester");
    const failed = assertRejects(() => receipt, ConflictError, "was cancelled");
    await begun.promise;
    const both = await Promise.all([jobs.cancel(id, command_id), jobs.cancel(id, command_id)]);
    await failed;
    assertEquals(both.map(({ status }) => status), ["failed", "failed"]);
    assertEquals((await jobs.cancel(id, command_id)).status, "failed");
  }
  assertEquals(await jobs.inspection.reports(id), []);
  assertEquals((await jobs.get(id)).state, "running");
  assertEquals((await jobs.health()).slots.helper_used, 0);
  await fixture.control(id, { command: "stop" });
});

Deno.test("cancel() refuses a command that is not a look", async () => {
  await using fixture = await SupervisorFixture.open({ trainingSlots: 1 });
  const id = await fixture.trainSlowly();
  const [reached, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  fixture.launcher.script.beforeStep = () => {
    reached.resolve();
    return held.promise;
  };
  await reached.promise;
  const { command_id, receipt } = await fixture.jobs.command(
    id,
    { command: "pause", release: false },
    "tester",
  );
  await assertRejects(() => fixture.jobs.cancel(id, command_id), ConflictError, "cannot be");
  held.resolve();
  assertEquals((await receipt).status, "applied");
  assertEquals((await fixture.jobs.cancel(id, command_id)).status, "applied");
  await fixture.control(id, { command: "stop" });
});

Deno.test("ReportStore.keep() refuses columns that are not what was announced, and keeps nothing", async () => {
  await using fixture = await SupervisorFixture.open();
  const { id } = await fixture.submit({ max_steps: 1 });
  await fixture.untilState(id, "completed");
  const reports = new ReportStore(fixture.artifacts);
  const folder = await Deno.makeTempDir({ dir: fixture.folder });
  const result = scriptedScan(REPORT, folder, [3, 2, 1]);
  const place = { job: id, checkpoint: 1, take: 1, step: 1, axis_step: 1, epoch: 0 };
  const record = { ...result, ...place, dataset_hash: null, created_at: 0 };
  await assertRejects(
    () => reports.keep({ ...record, samples: 4 }, folder),
    CommandFailedError,
    "index",
  );
  await Deno.writeFile(`${folder}/loss`, new Uint8Array(12));
  await assertRejects(() => reports.keep(record, folder), CommandFailedError, "loss");
  assertEquals(await reports.list(id), []);
});

Deno.test("a stored selection is refused once the data are others, or of another split", async () => {
  await using fixture = await SupervisorFixture.open();
  const id = await fixture.trainSlowly();
  const tried = await fixture.control(id, {
    command: "selection",
    selection: { kind: "region", from: 0.4 },
    split: "train",
    at: "now",
  });
  assertEquals([tried.count, tried.samples, tried.report], [2, 3, 1]);
  const request = {
    selection: { kind: "stored", sha256: String(tried.sha256) },
    at: "now",
    config: {},
    lr_mul: 1,
    optimizer: "keep",
    start: false,
  } as const;
  const { job } = await fixture.jobs.fork(id, request, "tester");
  assertEquals(job.spawn?.kind === "fork" && job.spawn.selection, { kind: "region", from: 0.4 });

  const keep = async (changes: Record<string, unknown>) => {
    const rule = { selection: { kind: "all" }, split: "train", of: "parent", dataset_hash: "data" };
    const bytes = new TextEncoder().encode(JSON.stringify({ ...rule, ...changes }));
    const sha256 = await fixture.artifacts.putBlob(id, bytes);
    return { ...request, selection: { kind: "stored", sha256 } as const };
  };
  const [old, val] = [await keep({ dataset_hash: "older" }), await keep({ split: "val" })];
  const refused = (given: typeof request) => () => fixture.jobs.fork(id, given, "tester");
  await assertRejects(refused(old as typeof request), UnprocessableError, "data have changed");
  await assertRejects(refused(val as typeof request), UnprocessableError, "it is of val");
  const none = { ...request, selection: { kind: "stored", sha256: "0".repeat(64) } as const };
  await assertRejects(refused(none as typeof request), NotFoundError);
  await fixture.control(id, { command: "stop" });
});

Deno.test("a label rule is refused where the loss tells no classes apart", async () => {
  await using fixture = await SupervisorFixture.open();
  const id = await fixture.trainSlowly();
  await assertRejects(
    () =>
      fixture.control(id, {
        command: "selection",
        selection: { kind: "label", labels: [1] },
        split: "train",
        at: "now",
      }),
    UnprocessableError,
    "have no labels",
  );
  await fixture.control(id, { command: "stop" });
});

Deno.test("a report of the test split is a look at it, and counts as one", async () => {
  await using fixture = await SupervisorFixture.open();
  const id = await fixture.trainSlowly();
  await fixture.control(id, REPORT);
  assertEquals((await fixture.jobs.get(id)).test_looks, 0);
  await fixture.control(id, { ...REPORT, split: "test" });
  assertEquals((await fixture.jobs.get(id)).test_looks, 1);
  await fixture.control(id, { command: "stop" });
});
