import { assert, assertEquals } from "@std/assert";
import { type EventLog, openEventLog } from "../../jobs/events/event_log.ts";
import { createMetricsStore, type MetricsStore } from "../../jobs/events/metrics_store.ts";

async function withMetrics(
  use: (metrics: MetricsStore, log: EventLog) => Promise<void>,
): Promise<void> {
  const log = openEventLog(":memory:");
  try {
    await use(createMetricsStore(log), log);
  } finally {
    await log.close();
  }
}

function logEvent(
  log: EventLog,
  type: string,
  take: number,
  data: { step: number } & Record<string, unknown>,
  job = "job-a",
): number {
  const text = JSON.stringify({ type, ...data, ts: 1000 + data.step, take });
  return log.append({ job, session: "s", type, take, step: data.step, data: text });
}

function logStep(log: EventLog, step: number, loss: number | null, take = 1, axis = 0): number {
  const rest = { axis_step: axis + step, epoch: Math.floor(step / 100), event_seq: 5, run_gen: 1 };
  return logEvent(log, "trainStep", take, { step, loss, val_loss: null, lr: 0.1, ...rest });
}

/** Numbers in [0, 1), always the same. */
function numbers(seed: number): () => number {
  return () => (seed = seed * 16807 % 2147483647) / 2147483647;
}

const ALL = { points: 1_000_000 };

Deno.test("query() with room for them gives every point itself, with its axis step, time, epoch", () =>
  withMetrics(async (metrics, log) => {
    for (let step = 1; step <= 3; step++) logStep(log, step, step / 10, 1, 100);
    await log.durable();
    const answer = metrics.query("job-a", { series: ["loss", "nothing"], points: 3 });
    const point = (step: number, loss: number) => ({
      step,
      axis_step: 100 + step,
      ts: 1000 + step,
      epoch: 0,
      min: loss,
      max: loss,
      last: loss,
    });
    assertEquals(answer, {
      job: "job-a",
      series: { loss: [point(1, 0.1), point(2, 0.2), point(3, 0.3)], nothing: [] },
      available: ["loss", "lr"],
      first_step: 1,
      last_step: 3,
      last_event_seq: 3,
    });
  }));

Deno.test("query() of a job without figures is empty and still says where the log stands", () =>
  withMetrics(async (metrics, log) => {
    logEvent(log, "log", 1, { step: 0 }, "job-b");
    await log.durable();
    const answer = metrics.query("job-a", { series: ["loss"], ...ALL });
    assertEquals([answer.series.loss, answer.available, answer.last_event_seq], [[], [], 1]);
    assertEquals([answer.first_step, answer.last_step], [null, null]);
  }));

Deno.test("query() in buckets keeps the extremes, the ends and the count of points asked for", () =>
  withMetrics(async (metrics, log) => {
    const random = numbers(3);
    const losses = Array.from({ length: 5000 }, random);
    losses[1234] = 50;
    losses[4321] = -50;
    losses.forEach((loss, at) => logStep(log, at + 1, loss));
    await log.durable();
    for (let round = 0; round < 60; round++) {
      const from = 1 + Math.floor(random() * 4000);
      const to = from + Math.floor(random() * 4000);
      const points = 1 + Math.floor(random() * 300);
      const { loss = [] } = metrics.query("job-a", { series: ["loss"], from, to, points }).series;
      const inRange = losses.slice(from - 1, to);
      assert(loss.length <= points && loss.length >= Math.min(points, inRange.length) / 4);
      assertEquals(Math.min(...loss.map((point) => point.min!)), Math.min(...inRange));
      assertEquals(Math.max(...loss.map((point) => point.max!)), Math.max(...inRange));
      assertEquals(loss.at(-1)!.last, inRange.at(-1));
      let begin = from;
      for (const { step, min, max, last } of loss) {
        const bucket = losses.slice(begin - 1, step);
        assertEquals([min, max], [Math.min(...bucket), Math.max(...bucket)]);
        assertEquals(last, bucket.at(-1));
        begin = step + 1;
      }
    }
  }));

Deno.test("query() draws the same line from a warm, a cold and a growing store", () =>
  withMetrics(async (metrics, log) => {
    const random = numbers(5);
    const query = { series: ["loss", "lr"], from: 1, to: 3000, points: 100 };
    for (let step = 1; step <= 3000; step++) {
      logStep(log, step, random());
      if (step % 700 === 0) {
        await log.durable();
        metrics.query("job-a", query);
      }
    }
    await log.durable();
    const warm = metrics.query("job-a", query);
    assertEquals(metrics.query("job-a", query), warm);
    assertEquals(createMetricsStore(log).query("job-a", query), warm);
    logStep(log, 3001, 0.5);
    await log.durable();
    assertEquals(metrics.query("job-a", query).series, warm.series);
    const grown = metrics.query("job-a", { series: ["loss"], points: 100 }).series.loss!;
    assertEquals(grown.slice(0, -1), warm.series.loss!.slice(0, grown.length - 1));
  }));

Deno.test("query() after a rewind has the newest take of each step, and nothing beyond it", () =>
  withMetrics(async (metrics, log) => {
    const draw = () =>
      metrics.query("job-a", { series: ["loss"], ...ALL }).series.loss!
        .map((point) => [point.step, point.last]);
    for (let step = 1; step <= 10; step++) logStep(log, step, 1);
    logEvent(log, "validation", 1, { step: 5, val_loss: 5, val_accuracy: 0.5 });
    logEvent(log, "validation", 1, { step: 10, val_loss: 10, val_accuracy: 1 });
    await log.durable();
    assertEquals(draw().length, 10);
    logEvent(log, "checkpoint_loaded", 2, { step: 6, checkpoint: 1 });
    await log.durable();
    assertEquals(draw().map(([step]) => step), [1, 2, 3, 4, 5, 6]);
    for (let step = 7; step <= 8; step++) logStep(log, step, 2, 2);
    logStep(log, 9, 1, 1);
    await log.durable();
    const expected = [[1, 1], [2, 1], [3, 1], [4, 1], [5, 1], [6, 1], [7, 2], [8, 2]];
    assertEquals(draw(), expected);
    const again = createMetricsStore(log).query("job-a", { series: ["val_loss"], ...ALL });
    assertEquals(again.series.val_loss!.map((point) => point.step), [5]);
    assertEquals([again.first_step, again.last_step], [1, 8]);
    logEvent(log, "replay_diverged", 3, { step: 4, field: "loss" });
    logStep(log, 4, 3, 3);
    await log.durable();
    assertEquals(draw(), [[1, 1], [2, 1], [3, 1], [4, 3]]);
    logStep(log, 1, 4, 4);
    await log.durable();
    assertEquals(draw(), [[1, 4]]);
  }));

Deno.test("query() leaves steps without a figure out, but shows a loss that was not finite", () =>
  withMetrics(async (metrics, log) => {
    for (let step = 1; step <= 40; step++) {
      const grad_norm = step % 10 === 0 ? step : null;
      const loss = step === 7 ? null : step;
      logEvent(log, "trainStep", 1, { step, loss, grad_norm, mem_vram: null, note: "x" });
    }
    await log.durable();
    const series = ["loss", "grad_norm", "mem_vram"];
    const answer = metrics.query("job-a", { series, ...ALL });
    assertEquals(answer.available, ["loss", "grad_norm"]);
    assertEquals(answer.series.grad_norm!.map((point) => point.step), [10, 20, 30, 40]);
    assertEquals(answer.series.loss!.length, 40);
    assertEquals(answer.series.loss![6]!.last, null);
    assertEquals(answer.series.mem_vram, []);
    const coarse = metrics.query("job-a", { series: ["loss"], points: 6 }).series.loss!;
    assertEquals([coarse[0]!.min, coarse[0]!.max], [1, 6]);
  }));

Deno.test("query() takes validations and tests as series of their own", () =>
  withMetrics(async (metrics, log) => {
    for (let step = 1; step <= 100; step++) {
      logEvent(log, "trainStep", 1, { step, axis_step: step + 7, loss: 1, val_loss: 99 });
    }
    logEvent(log, "validation", 1, { step: 50, val_loss: 0.5, val_accuracy: 0.7 });
    logEvent(log, "validation", 1, { step: 100, val_loss: 0.4, val_accuracy: null });
    logEvent(log, "test_complete", 1, { step: 100, split: "val", loss: 9, accuracy: 9 });
    logEvent(log, "test_complete", 1, { step: 100, split: "test", loss: 8, accuracy: 0.6 });
    logEvent(log, "auto_test_complete", 1, { step: 100, split: "test", loss: 7, accuracy: 0.8 });
    await log.durable();
    const names = ["val_loss", "val_accuracy", "test_loss", "test_accuracy"];
    const { series, available } = metrics.query("job-a", { series: names, points: 10 });
    assertEquals(available, ["loss", ...names]);
    const lines = names.map((name) => series[name]!.map((point) => [point.axis_step, point.last]));
    assertEquals(lines, [[[57, 0.5], [107, 0.4]], [[57, 0.7]], [[107, 7]], [[107, 0.8]]]);
  }));

Deno.test("forget() and a full cache drop a job, and the next query reads it anew", () =>
  withMetrics(async (_, log) => {
    const metrics = createMetricsStore(log, { cacheBytes: 1 });
    for (const job of ["job-a", "job-b"]) {
      logEvent(log, "trainStep", 1, { step: 1, loss: 1 }, job);
    }
    await log.durable();
    const query = { series: ["loss"], ...ALL };
    const first = metrics.query("job-a", query);
    metrics.query("job-b", query);
    assertEquals(metrics.query("job-a", query), first);
    log.forget("job-a");
    metrics.forget("job-a");
    assertEquals(metrics.query("job-a", query).series.loss, []);
  }));
