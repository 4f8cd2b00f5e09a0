import { assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { UnprocessableError } from "../../jobs/errors.ts";
import { compareReports } from "../../jobs/inspection/compare_reports.ts";
import { ReportStore } from "../../jobs/inspection/report_store.ts";
import { sampleHistory } from "../../jobs/inspection/sample_history.ts";
import { type ArtifactStore, openArtifactStore } from "../../jobs/storage/artifact_store.ts";
import { Spool } from "../../runtime/inspection/spool.ts";
import { summarize } from "../../runtime/inspection/summarize.ts";
import type { ReportRecord } from "../../runtime/protocol/report.ts";
import {
  deviation,
  forgettingEvents,
  shapeOf,
  type TrajectoryShape,
} from "../../runtime/protocol/trajectory.ts";

const JOB = "job-0123456789ab";
const SCALE = { spread: 1, high: 5 };

/** What a scan finds: losses, and where the model is right, two classes of label 0. */
interface Scan {
  step: number;
  losses: number[];
  right: boolean[];
  confidence?: number[];
  changes?: Partial<ReportRecord>;
}

async function keep(
  artifacts: ArtifactStore,
  { step, losses, right, confidence = losses.map(() => 0.75), changes = {} }: Scan,
): Promise<ReportRecord> {
  const folder = await artifacts.attemptDir(JOB, step + 1);
  using spool = new Spool(folder, [
    "index",
    "loss",
    "label",
    "prediction",
    "confidence",
    "margin",
  ]);
  const loss = Float32Array.from(losses);
  spool.add("index", Int32Array.from(losses, (_, at) => at));
  spool.add("loss", loss);
  spool.add("label", new Int32Array(losses.length));
  spool.add("prediction", Int32Array.from(right, (is) => is ? 0 : 1));
  spool.add("confidence", Float32Array.from(confidence));
  spool.add(
    "margin",
    Float32Array.from(right, (is, at) => (2 * confidence[at]! - 1) * (is ? 1 : -1)),
  );
  const record: Omit<ReportRecord, "report"> = {
    split: "train",
    of: "parent",
    training_mode: false,
    samples: losses.length,
    classes: 2,
    class_names: null,
    loss: "custom",
    warnings: [],
    columns: spool.finish(),
    summary: summarize({ loss, label: null, prediction: null }, null),
    embedding: null,
    job: JOB,
    checkpoint: step + 1,
    take: 1,
    step,
    axis_step: step,
    epoch: 0,
    dataset_hash: "d1",
    created_at: step,
    ...changes,
  };
  return await new ReportStore(artifacts).keep(record, folder);
}

async function withReports(
  run: (artifacts: ArtifactStore, reports: ReportStore) => Promise<void>,
): Promise<void> {
  const dataDir = await Deno.makeTempDir();
  try {
    const artifacts = openArtifactStore(dataDir);
    await Deno.mkdir(artifacts.jobDir(JOB));
    await run(artifacts, new ReportStore(artifacts));
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

Deno.test("shapeOf() tells trajectories apart", () => {
  const cases: [number[], TrajectoryShape][] = [
    [[4, 3, 2, 1], "monotonic"],
    [[2, 2.05, 2, 1.99], "plateau"],
    [[6, 5.5, 7, 6.2], "high"],
    [[1, 1.2, 4, 1.1], "spiked"],
    [[3, 1, 1, 3], "u"],
    [[0, 1, 2, 2, 0.4, 1.3], "high_variance"],
    [[1, 1.3, 1.2], "mixed"],
    [[1, NaN, 2], "unknown"],
  ];
  for (const [losses, shape] of cases) {
    assertEquals(shapeOf(losses, null, SCALE), shape, `${losses}`);
  }
  assertEquals(shapeOf([3, 2, 1], [true, true, false], SCALE), "forgotten");
  assertEquals(shapeOf([3, 2, 1], [false, false, false], SCALE), "monotonic");
});

Deno.test("forgettingEvents() counts what was right and then wrong", () => {
  assertEquals(forgettingEvents([false, true, false, true, true, false]), 2);
  assertEquals(forgettingEvents([true, true]), 0);
  assertEquals(forgettingEvents([false, false]), null);
  assertAlmostEquals(deviation([1, 2, 3, 4]), Math.sqrt(1.25), 1e-12);
});

Deno.test("sampleHistory() follows each sample over the reports of its split and data", async () => {
  await withReports(async (artifacts, reports) => {
    const right = [[true, false], [false, false], [false, true]];
    for (const [at, losses] of [[4, 3], [3, 3.05], [1, 3]].entries()) {
      await keep(artifacts, { step: at * 10, losses, right: right[at]!, confidence: [0.75, 0.6] });
    }
    await keep(artifacts, {
      step: 5,
      losses: [9, 9],
      right: [true, true],
      changes: { split: "val" },
    });
    await keep(artifacts, {
      step: 6,
      losses: [9, 9],
      right: [true, true],
      changes: { training_mode: true },
    });
    const query = { split: "train", of: "parent", sort: "index", limit: 10 } as const;
    const history = await sampleHistory(reports, JOB, query);
    assertEquals([history.steps, history.reports, history.samples], [[0, 10, 20], [1, 2, 3], 2]);
    const [one, two] = history.items;
    assertEquals([one!.shape, one!.losses, one!.forgetting], ["forgotten", [4, 3, 1], 1]);
    assertEquals([two!.shape, two!.forgetting, two!.last_loss], ["plateau", 0, 3]);
    // Probability of the label: 0.75 where it is right, 1 - 0.75 where it is wrong.
    assertAlmostEquals(one!.confidence!, (0.75 + 0.25 + 0.25) / 3, 1e-6);
    assertAlmostEquals(one!.variability!, deviation([0.75, 0.25, 0.25]), 1e-6);
    assertEquals(history.shapes.forgotten + history.shapes.plateau, 2);
    const sorted = await sampleHistory(reports, JOB, { ...query, sort: "-last_loss", limit: 1 });
    assertEquals([sorted.items[0]!.index, sorted.next_cursor], [1, "1"]);
    const only = await sampleHistory(reports, JOB, { ...query, shape: "forgotten" });
    assertEquals(only.items.map(({ index }) => index), [0]);
    await assertRejects(
      () => sampleHistory(reports, JOB, { ...query, split: "test" }),
      UnprocessableError,
      "no report of test",
    );
    await assertRejects(
      () => sampleHistory(reports, JOB, { ...query, sort: "colour" }),
      UnprocessableError,
      "colour",
    );
  });
});

Deno.test("compareReports() says what got better, what got worse, what was learned", async () => {
  await withReports(async (artifacts, reports) => {
    const a = await keep(artifacts, {
      step: 1,
      losses: [1, 2, 3, NaN],
      right: [true, false, false, true],
    });
    const b = await keep(artifacts, {
      step: 2,
      losses: [2, 1, 3, 4],
      right: [false, true, false, true],
    });
    const query = { sort: "-change", limit: 2 } as const;
    const compared = await compareReports(reports, a, b, query);
    const { samples, improved, worsened, learned, forgotten, items, next_cursor } = compared;
    assertEquals([samples, improved, worsened, learned, forgotten], [4, 1, 1, 1, 1]);
    assertEquals(items.map(({ index, change }) => [index, change]), [[0, 1], [2, 0]]);
    assertEquals(next_cursor, "2");
    const rest = await compareReports(reports, a, b, { ...query, cursor: "2" });
    assertEquals(rest.items.map(({ index, a, change }) => [index, a, change]), [
      [1, 2, -1],
      [3, null, null],
    ]);
    assertAlmostEquals(compared.correlation!, 0.5, 1e-9);
    const other = { ...b, dataset_hash: "d2" };
    await assertRejects(() => compareReports(reports, a, other, query), UnprocessableError, "d2");
  });
});
