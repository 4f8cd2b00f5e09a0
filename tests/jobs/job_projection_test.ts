import { assertEquals } from "@std/assert";
import type { LoggedEvent } from "../../jobs/events/event_log.ts";
import { JobManifest } from "../../jobs/job.ts";
import { checkpointOf, foldEvent, NO_FIGURES } from "../../jobs/life/job_projection.ts";
import { newManifest } from "../../jobs/submission/submission.ts";

const BORN = newManifest(1_000, {
  id: "job-1",
  session: "sess-1",
  project: "p",
  run_name: "r",
  kind: "root",
  config: { max_epochs: 2, ckpt_keep: 3 },
  module: { sha256: "0", name: "m.ts" },
  files: [],
  owner: "ann",
});

function event(
  type: string,
  fields: Record<string, unknown>,
  { seq = 1, take = 1, step = 0 } = {},
): LoggedEvent {
  const data = JSON.stringify({ type, ts: 2_000, ...fields });
  return { seq, job: "job-1", session: "sess-1", type, take, step, data };
}

function fold(...events: LoggedEvent[]): JobManifest {
  // The schema is what KV accepts.
  return JobManifest.parse(events.reduce((manifest, each) => foldEvent(manifest, each), BORN));
}

const trainStep = (step: number, loss: number | null, take = 1) =>
  event("trainStep", { step, epoch: 0, loss, accuracy: 0.5, val_loss: null }, { take, step });
const validation = (step: number, val_loss: number | null) =>
  event("validation", { step, epoch: 1, samples: 9, val_loss, val_accuracy: 0.25 }, { step });

Deno.test("foldEvent() takes state, goal and times from state_changed alone", () => {
  const starting = fold(event("state_changed", { from: "queued", to: "starting", reason: null }));
  assertEquals([starting.state, starting.goal, starting.started_at], [
    "starting",
    "running",
    2_000,
  ]);
  const error = { message: "m", stack: null, phase: "train", cause: "memory" };
  const failed = foldEvent(
    starting,
    event("state_changed", { from: "starting", to: "failed", reason: "memory", error, ts: 3_000 }),
  );
  assertEquals([failed.state, failed.error, failed.finished_at], ["failed", error, 3_000]);
  const parked = foldEvent(
    failed,
    event("state_changed", { from: "failed", to: "parked", reason: null, goal: "parked" }),
  );
  assertEquals([parked.error, parked.finished_at, parked.goal], [null, null, "parked"]);
  assertEquals(parked.started_at, 2_000);
});

Deno.test("foldEvent() is pure and remembers the event it reflects", () => {
  const before = structuredClone(BORN);
  const { seq } = foldEvent(BORN, event("log", { message: "hello" }, { seq: 77 }));
  assertEquals([seq, BORN], [77, before]);
});

Deno.test("foldEvent() keeps the best validation, and never looks at test for it", () => {
  const test = event("test_complete", { step: 3, split: "test", loss: 0.001, accuracy: 1 });
  const { metrics, test_looks } = fold(
    trainStep(1, 0.9),
    validation(1, 0.5),
    trainStep(2, 0.8),
    validation(2, 0.7),
    validation(3, null),
    test,
    event("test_complete", { step: 3, split: "val", loss: 0.002, accuracy: 1 }),
  );
  assertEquals(metrics.best, {
    ...NO_FIGURES,
    step: 1,
    loss: 0.9,
    accuracy: 0.5,
    val_loss: 0.5,
    val_accuracy: 0.25,
  });
  assertEquals([metrics.last.test_loss, metrics.last.val_loss, test_looks], [0.001, null, 1]);
});

Deno.test("foldEvent() forgets a best figure that a rewind took back", () => {
  const rewind = event("checkpoint_loaded", { checkpoint: 1, step: 1, epoch: 0 }, {
    take: 2,
    step: 1,
  });
  const kept = fold(trainStep(1, 0.9), validation(1, 0.5), trainStep(5, 0.1), rewind);
  assertEquals([kept.take, kept.step, kept.metrics.best.step], [2, 1, 1]);
  const gone = fold(trainStep(5, 0.1), validation(5, 0.05), rewind);
  assertEquals([gone.step, gone.metrics.best], [1, NO_FIGURES]);
});

Deno.test("foldEvent() keeps the last and the best of each figure of the validations, by its direction", () => {
  const told = (step: number, val_loss: number, metrics: Record<string, number | null>) =>
    event("validation", {
      step,
      val_loss,
      val_accuracy: null,
      metrics,
      directions: { f1: "max", mae: "min" },
    });
  const first = told(1, 0.5, { f1: 0.6, mae: 3, "confusion/0": 7 });
  const second = told(5, 0.4, { f1: 0.5, mae: null, "confusion/0": 9 });
  const { metrics } = fold(first, second);
  assertEquals(metrics.val, {
    val_loss: { last: 0.4, best: 0.4, best_step: 5, direction: "min" },
    f1: { last: 0.5, best: 0.6, best_step: 1, direction: "max" },
    mae: { last: null, best: 3, best_step: 1, direction: "min" },
  });
  const rewind = event("checkpoint_loaded", { checkpoint: 1, step: 1, epoch: 0 }, {
    take: 2,
    step: 1,
  });
  const { val } = fold(first, second, rewind).metrics;
  assertEquals([val!["val_loss"]!.best, val!["f1"]!.best], [null, 0.6]);
});

Deno.test("foldEvent() takes the effective config from the first worker and changes from then on", () => {
  const started = (config: Record<string, unknown>) =>
    event("session_started", {
      config,
      dataset: { hash: "h", train: 8, val: 1, test: 1 },
      selected: null,
      backend: { name: "wasm", reason: "r" },
      determinism: "exact",
      steps_per_epoch: 4,
    });
  const { config, steps_per_epoch } = fold(
    started({ max_epochs: 2, lr: 0.1, max_steps: null }),
    event("hparams_changed", { step: 1, lr: 0.5, grad_clip_norm: 2 }),
    event("command_applied", { command: "resume", payload: { max_epochs: 9 }, applied_at_step: 1 }),
    event("command_applied", { command: "load_ckpt", payload: { path: "x" }, applied_at_step: 1 }),
    event("config_changed", { config: { max_steps: 100 } }),
    started({ max_epochs: 2, lr: 0.1, max_steps: null }),
  );
  assertEquals(config, { max_epochs: 9, lr: 0.5, grad_clip_norm: 2, max_steps: 100 });
  assertEquals(steps_per_epoch, 4);
});

Deno.test("checkpointOf() is the record of the checkpoint that an event announced", () => {
  const saved = event("checkpoint_saved", {
    checkpoint: 3,
    step: 20,
    axis_step: 50,
    epoch: 2,
    file: "000003.safetensors",
    bytes: 9,
    sha256: "ab",
    reason: "cadence",
    label: null,
    run_gen: 2,
  }, { seq: 5, take: 2, step: 20 });
  assertEquals(checkpointOf(saved), {
    job: "job-1",
    checkpoint: 3,
    take: 2,
    attempt: 2,
    step: 20,
    axis_step: 50,
    epoch: 2,
    path: "checkpoints/2/000003.safetensors",
    bytes: 9,
    sha256: "ab",
    reason: "cadence",
    label: null,
    pinned_by: [],
    created_at: 2_000,
    seq: 5,
  });
});
