import { assertEquals } from "@std/assert";
import { type Job, Job as JobSchema } from "../../tasks/client.ts";
import { ProgressTracker } from "../../tasks/training_progress.ts";

const noFigures = {
  step: null,
  loss: null,
  accuracy: null,
  val_loss: null,
  val_accuracy: null,
  test_loss: null,
  test_accuracy: null,
};

function job(changes: Partial<Job> = {}): Job {
  return JobSchema.parse({
    id: "job-1",
    session: "sess-1",
    project: "p",
    run_name: "baseline",
    kind: "root",
    state: "queued",
    goal: "running",
    parents: [],
    origin: { checkpoint: null, step: 0 },
    spawn: null,
    start: true,
    take: 1,
    attempt: 0,
    step: 0,
    epoch: 0,
    steps_per_epoch: null,
    config: {},
    module: { sha256: "", name: "module.ts" },
    files: [],
    dataset: null,
    selected: null,
    backend: null,
    isolation: null,
    determinism: null,
    threads: null,
    owner: "local",
    created_at: 0,
    started_at: null,
    finished_at: null,
    metrics: { last: noFigures, best: noFigures },
    test_looks: 0,
    error: null,
    seq: 0,
    ...changes,
  });
}

let id = 0;
const event = (type: string, data: Record<string, unknown>) => ({
  id: String(++id),
  type,
  data: JSON.stringify({ job: "job-1", ...data }),
});
const started = (config: Record<string, unknown>, steps_per_epoch: number) =>
  event("session_started", { config, steps_per_epoch, step: 0, epoch: 0 });
const trained = (step: number, epoch: number, ts: number) =>
  event("trainStep", { step, epoch, ts, loss: 1 / step, accuracy: 0.5 });
const state = (to: string) => event("state_changed", { from: null, to, reason: null });

Deno.test("ProgressTracker counts to whichever budget ends first", () => {
  for (
    const [config, steps] of [
      [{ max_epochs: 5, max_steps: null }, 50],
      [{ max_epochs: 5, max_steps: 30 }, 30],
      [{ max_epochs: 5, max_steps: 90 }, 50],
    ] as const
  ) {
    const tracker = new ProgressTracker(job());
    tracker.apply(started(config, 10));
    assertEquals(tracker.progress.steps, steps);
  }
});

Deno.test("ProgressTracker measures steps/s by the trainer's clock, and the time left", () => {
  const tracker = new ProgressTracker(job());
  tracker.apply(started({ max_epochs: 1 }, 1_000));
  tracker.apply(state("running"));
  for (let step = 1; step <= 400; step++) tracker.apply(trained(step, 0, step * 10));
  const { stepsPerSecond, secondsLeft, loss, step } = tracker.progress;
  assertEquals([step, loss, stepsPerSecond, secondsLeft], [400, 1 / 400, 100, 6]);
});

Deno.test("ProgressTracker shows no speed while the job does not run", () => {
  const tracker = new ProgressTracker(job());
  tracker.apply(started({ max_epochs: 1 }, 1_000));
  tracker.apply(state("running"));
  tracker.apply(trained(1, 0, 0));
  tracker.apply(trained(2, 0, 100));
  tracker.apply(state("paused"));
  assertEquals(tracker.progress.stepsPerSecond, null);
  assertEquals(tracker.progress.state, "paused");
});

Deno.test("ProgressTracker follows a rewind and forgets the speed before it", () => {
  const tracker = new ProgressTracker(job());
  tracker.apply(started({ max_epochs: 2 }, 10));
  tracker.apply(state("running"));
  tracker.apply(trained(9, 0, 0));
  tracker.apply(trained(10, 0, 100));
  tracker.apply(event("checkpoint_loaded", { checkpoint: 1, step: 5, epoch: 0 }));
  const { step, stepsPerSecond } = tracker.progress;
  assertEquals([step, stepsPerSecond], [5, null]);
});

Deno.test("ProgressTracker counts epochs from 1 and stops at the last", () => {
  const tracker = new ProgressTracker(job());
  tracker.apply(started({ max_epochs: 2 }, 10));
  tracker.apply(trained(1, 0, 0));
  assertEquals(tracker.progress.epoch, 1);
  tracker.apply(event("trainingFinished", { step: 20, epoch: 2, reason: "max_epochs" }));
  assertEquals([tracker.progress.epoch, tracker.progress.epochs], [2, 2]);
});

Deno.test("ProgressTracker of a job that runs already begins with its manifest", () => {
  const metrics = { last: { ...noFigures, step: 7, loss: 0.25, accuracy: 0.75 }, best: noFigures };
  const running = { state: "running", step: 7, steps_per_epoch: 10, config: { max_epochs: 3 } };
  const tracker = new ProgressTracker(job({ ...running, metrics } as Partial<Job>));
  const { step, steps, loss, accuracy } = tracker.progress;
  assertEquals([step, steps, loss, accuracy], [7, 30, 0.25, 0.75]);
});
