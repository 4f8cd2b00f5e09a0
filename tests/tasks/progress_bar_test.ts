import { assertEquals, assertLessOrEqual, assertStringIncludes } from "@std/assert";
import { duration, progressBars, progressLine } from "../../tasks/progress_bar.ts";
import { createStyle } from "../../tasks/style.ts";
import type { TrainingProgress } from "../../tasks/training_progress.ts";

const plain = createStyle(false);
const progressBar = (job: TrainingProgress, columns: number) =>
  progressBars([job], columns, plain)[0]!;
const halfway: TrainingProgress = {
  runName: "baseline",
  state: "running",
  step: 250,
  steps: 500,
  epoch: 3,
  epochs: 5,
  loss: 0.12345,
  accuracy: 0.961,
  stepsPerSecond: 812.4,
  secondsLeft: 75,
};

Deno.test("progressBars() shows step, epoch, loss, accuracy, speed and time left", () => {
  assertEquals(
    progressBar(halfway, 120),
    "baseline  ━━━━━━━━━━━━━━──────────────  step 250/500  epoch 3/5  loss 0.1235  acc  96.1%" +
      "   812 steps/s  1:15 left",
  );
});

Deno.test("progressBars() fits into the columns it is given, and keeps the step", () => {
  for (let columns = 40; columns <= 140; columns++) {
    const line = progressBar(halfway, columns);
    assertLessOrEqual(line.length, columns);
    assertStringIncludes(line, "step 250/500");
  }
});

Deno.test("progressBars() shows the state of a job that does not run", () => {
  const paused = { ...halfway, state: "paused", stepsPerSecond: null, secondsLeft: null };
  assertStringIncludes(progressBar(paused, 120), "acc  96.1%  paused");
});

Deno.test("progressBars() of a job that has told nothing yet is empty", () => {
  const queued: TrainingProgress = {
    ...halfway,
    state: "queued",
    step: 0,
    steps: null,
    epoch: 1,
    epochs: null,
    loss: null,
    accuracy: null,
    stepsPerSecond: null,
    secondsLeft: null,
  };
  assertEquals(
    progressBar(queued, 60),
    `baseline  ${"─".repeat(25)}  step 0  epoch 1  queued`,
  );
});

Deno.test("progressBars() of several jobs have their columns below one another", () => {
  const other = { ...halfway, runName: "fork", step: 7, steps: 2_000, loss: null };
  const [first, second] = progressBars([halfway, other], 120, plain);
  assertEquals(first!.indexOf("epoch"), second!.indexOf("epoch"));
  assertEquals(first!.indexOf("steps/s"), second!.indexOf("steps/s"));
});

Deno.test("progressLine() has the same figures and no bar", () => {
  assertEquals(
    progressLine(halfway),
    "baseline  running  step 250/500  epoch 3/5  loss 0.1235  acc 96.1%  812 steps/s  1:15 left",
  );
});

Deno.test("duration() counts up to hours", () => {
  assertEquals([0, 9.2, 75, 3_725].map(duration), ["0:00", "0:10", "1:15", "1:02:05"]);
});
