import { assertEquals } from "@std/assert";
import { ProgressDisplay, type Terminal } from "../../tasks/progress_display.ts";
import { createStyle } from "../../tasks/style.ts";
import type { TrainingProgress } from "../../tasks/training_progress.ts";

const progress: TrainingProgress = {
  runName: "a",
  state: "running",
  step: 1,
  steps: null,
  epoch: 1,
  epochs: null,
  loss: null,
  accuracy: null,
  stepsPerSecond: null,
  secondsLeft: null,
};

/** A terminal that remembers, and a clock that is moved by hand. */
function setUp(interactive: boolean) {
  const written: string[] = [];
  const clock = { ms: 0 };
  const terminal: Terminal = {
    interactive,
    columns: () => 60,
    write: (text) => void written.push(text),
    style: createStyle(false),
  };
  return { written, clock, display: new ProgressDisplay(terminal, () => clock.ms) };
}

Deno.test("ProgressDisplay redraws in place, a line for each job", () => {
  const { written, clock, display } = setUp(true);
  display.update(() => [progress, { ...progress, runName: "b" }]);
  clock.ms = 100;
  display.update(() => [progress, { ...progress, runName: "b" }]);
  assertEquals(written.map((text) => text.split("\n").length - 1), [2, 2]);
  assertEquals(written[1]!.startsWith("\x1b[2F\x1b[J"), true);
});

Deno.test("ProgressDisplay writes lines above the bars", () => {
  const { written, display } = setUp(true);
  display.update(() => [progress]);
  display.line("paused");
  assertEquals(written[1]!.split("\n").map((line) => line.slice(0, 13)), [
    "\x1b[1F\x1b[Jpaused",
    "a  ──────────",
    "",
  ]);
});

Deno.test("ProgressDisplay without a terminal writes a plain line a job every two seconds", () => {
  const { written, clock, display } = setUp(false);
  for (clock.ms = 0; clock.ms < 4_000; clock.ms += 100) display.update(() => [progress]);
  assertEquals(written, Array(2).fill("a  running  step 1  epoch 1\n"));
});

Deno.test("ProgressDisplay leaves nothing to redraw after its end", () => {
  const { written, display } = setUp(true);
  display.update(() => [progress]);
  display.end();
  display.line("done");
  assertEquals(written.at(-1), "done\n");
});
