import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import {
  constant,
  cosine,
  exponential,
  multiStep,
  oneCycle,
  reduceOnPlateau,
  type Schedule,
  stepDecay,
} from "../../runtime/training/schedules.ts";

/** Rates at these counts, used as steps and epochs alike. */
const rates = (schedule: Schedule, counts: number[], baseLr = 1) =>
  counts.map((count) => schedule.lrAt({ step: count, epoch: count, baseLr }));

Deno.test("constant() is the base rate", () => {
  assertEquals(rates(constant(), [0, 7], 0.5), [0.5, 0.5]);
});

Deno.test("stepDecay() falls by its factor at every multiple", () => {
  assertEquals(rates(stepDecay({ every: 10, factor: 0.5 }), [0, 9, 10, 25]), [1, 1, 0.5, 0.25]);
});

Deno.test("multiStep() falls by its factor at each milestone", () => {
  const schedule = multiStep({ milestones: [3, 5], factor: 0.1, per: "step" });
  const [first, third, fifth] = rates(schedule, [2, 3, 5]);
  assertEquals([first, third], [1, 0.1]);
  assertAlmostEquals(fifth!, 0.01, 1e-12);
});

Deno.test("exponential() falls by its decay each epoch", () => {
  assertEquals(rates(exponential({ decay: 0.5 }), [0, 1, 3]), [1, 0.5, 0.125]);
});

Deno.test("cosine() warms up, halves midway, ends at the least rate and stays there", () => {
  const schedule = cosine({ period: 100, warmup: 10, minLr: 0.2 });
  const [first, warm, top, half, end, after] = rates(schedule, [0, 9, 10, 60, 110, 500]);
  assertEquals([first, warm, top], [0.1, 1, 1]);
  assertAlmostEquals(half!, 0.6, 1e-12);
  assertAlmostEquals(end!, 0.2, 1e-12);
  assertAlmostEquals(after!, 0.2, 1e-12);
});

Deno.test("cosine() with restarts starts over with longer periods", () => {
  const schedule = cosine({ period: 10, restarts: true, restartFactor: 2 });
  const [start, second, middle, third] = rates(schedule, [0, 10, 20, 30]);
  assertEquals([start, second, third], [1, 1, 1]);
  assertAlmostEquals(middle!, 0.5, 1e-12);
});

Deno.test("oneCycle() rises from a 25th to the base rate and falls far below", () => {
  const [start, top, end] = rates(oneCycle({ steps: 100 }), [0, 30, 100]);
  assertAlmostEquals(start!, 1 / 25, 1e-12);
  assertAlmostEquals(top!, 1, 1e-12);
  assertAlmostEquals(end!, 1 / 25 / 1e4, 1e-12);
});

Deno.test("reduceOnPlateau() falls when the loss stays, and goes on from its captured state", () => {
  const schedule = reduceOnPlateau({ factor: 0.5, patience: 1 });
  for (const loss of [1, 0.5, 0.5, 0.5]) schedule.onValidation!(loss);
  assertEquals(rates(schedule, [0]), [0.5]);
  const copy = reduceOnPlateau({ factor: 0.5, patience: 1 });
  copy.restore!(schedule.capture!());
  for (const each of [schedule, copy]) [0.5, 0.5].forEach((loss) => each.onValidation!(loss));
  assertEquals(rates(copy, [0]), rates(schedule, [0]));
  assert(rates(copy, [0])[0]! < 0.5);
});
