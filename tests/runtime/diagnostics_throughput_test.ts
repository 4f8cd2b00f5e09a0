import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { checkHealth } from "../../runtime/diagnostics/check_health.ts";
import { throughput } from "../../runtime/diagnostics/throughput.ts";
import { RecentSteps, type StepTiming } from "../../runtime/telemetry/recent_steps.ts";
import { withBuiltRun } from "../fixtures/built_run.ts";
import { patient } from "../fixtures/patients.ts";

const STEP: StepTiming = {
  samples: 32,
  data: 0.1,
  compute: 9,
  after: 0.85,
  gate: 0.05,
  tensors: 50,
};
const steps = (changes: Partial<StepTiming>, count = 40) =>
  Array.from({ length: count }, (): StepTiming => ({ ...STEP, ...changes }));
const told = (timings: StepTiming[]) =>
  throughput(timings).findings.map(({ status, figure }) => `${status} ${figure}`);

Deno.test("throughput() says how the time of a healthy step divides", () => {
  const { status, figures } = throughput(steps({}));
  assertEquals(status, "ok");
  assertEquals(figures, {
    steps: 40,
    samples_per_s: 3200,
    steps_per_s: 100,
    step_ms: 10,
    step_ms_p95: 10,
    data_wait: 0.01,
    compute: 0.9,
    after: 0.085,
    gate: 0.005,
  });
});

Deno.test("throughput() finds steps that wait for data, for what comes after, for the gate", () => {
  assertEquals(told(steps({ data: 1 })), ["warn data_wait"]);
  assertEquals(told(steps({ data: 10 })), ["fail data_wait"]);
  assertEquals(told(steps({ after: 9 })), ["warn after"]);
  assertEquals(told(steps({ gate: 1 })), ["warn gate"]);
  const slow = steps({}).map((step, at) => at % 10 === 0 ? { ...step, compute: 200 } : step);
  assertEquals(told(slow), ["warn jitter"]);
});

Deno.test("throughput() judges nothing by a handful of steps", () => {
  assertEquals(told(steps({ data: 10 }, 9)), []);
  assertEquals(throughput([]).figures["samples_per_s"], null);
});

Deno.test("RecentSteps keeps the newest, leaves out the first of all, and amends the last", () => {
  const recent = new RecentSteps();
  for (let tensors = 0; tensors < 600; tensors++) recent.add({ ...STEP, tensors });
  recent.amend("gate", 5);
  assertEquals(recent.length, 512);
  assertEquals(recent.last(2).map(({ tensors, gate }) => [tensors, gate]), [[598, 0.05], [
    599,
    5.05,
  ]]);
  assertEquals(recent.last(1_000, 3)[0]!.tensors, 88);
  const few = new RecentSteps();
  for (let tensors = 0; tensors < 5; tensors++) few.add({ ...STEP, tensors });
  assertEquals(few.last(100, 3).map(({ tensors }) => tensors), [3, 4]);
});

Deno.test("throughput of a run that has made no step trains some and takes them back", async () => {
  await withBuiltRun(patient(), async (run) => {
    const before = run.handle.trainable.map((variable) => variable.dataSync().slice());
    const surroundings = { memory: () => ({ rss: 0, heap: 0, tensorBytes: 0 }) };
    const { figures } = await checkHealth(run, "throughput", { steps: 12 }, surroundings);
    assertEquals(figures["steps"], 12);
    const { data_wait, compute, after, gate } = figures;
    assertAlmostEquals(data_wait! + compute! + after! + gate!, 1, 1e-3);
    assert(figures["samples_per_s"]! > 0);
    assertEquals([run.step, run.recent.length, run.sampler.capture().cursor], [0, 0, 0]);
    assertEquals(run.handle.trainable.map((variable) => variable.dataSync()), before);
  });
});
