import { assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "../../runtime/backends/choose.ts";
import { momentumOf } from "../../runtime/checkpoints/momentum.ts";
import { keyedStream } from "../../runtime/determinism/rng.ts";
import { installSeededRandom } from "../../runtime/determinism/seeded_math_random.ts";
import {
  cosine,
  defineJob,
  exponential,
  type JobDefinition,
  multiStep,
  oneCycle,
  reduceOnPlateau,
  type Schedule,
  stepDecay,
  tensorDataset,
} from "../../runtime/mod.ts";
import { JobConfigError, parseWireConfig } from "../../runtime/protocol/job_config.ts";
import { SCHEDULE_NAMES, ScheduleSpec } from "../../runtime/protocol/schedule_spec.ts";
import { buildJob } from "../../runtime/session/load_job.ts";
import { namedSchedule } from "../../runtime/training/named_schedule.ts";
import type { TrainingRun } from "../../runtime/training/training_run.ts";

const PLAIN = defineJob({
  model: () => tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] }),
  optimizer: () => tf.train.momentum(0.1, 0.9),
  schedule: exponential({ decay: 0.5, per: "step" }),
  loss: "meanSquaredError",
  hparams: { temperature: 1, name: "x" },
  data: () => ({ train: tensorDataset(tf.randomNormal([8, 2]), tf.randomNormal([8, 1])) }),
});

async function withRun(
  config: Record<string, unknown>,
  test: (run: TrainingRun) => void,
  changes: Partial<JobDefinition> = {},
): Promise<void> {
  await chooseBackend("cpu", 1);
  const random = installSeededRandom(keyedStream(0, "setup"));
  try {
    const { run } = await buildJob({ ...PLAIN, ...changes }, {
      context: { config, membership_seed: null },
      random,
      log: () => {},
      file: () => Promise.reject(new Error("no files")),
    });
    test(run);
  } finally {
    random.uninstall();
  }
}

const lrAt = (run: TrainingRun, step: number) => {
  run.step = step;
  return run.scheduleLr();
};

Deno.test("config.schedule: the module's own, none, or one by its name in its place", async () => {
  await withRun({}, (run) => assertEquals(lrAt(run, 1), 0.05));
  await withRun({ schedule: "module" }, (run) => assertEquals(lrAt(run, 2), 0.025));
  await withRun({ schedule: null }, (run) => assertEquals(lrAt(run, 5), 0.1));
  const schedule = { name: "cosine", period: 10, min_lr: 0.02 };
  await withRun({ schedule }, (run) => {
    assertEquals([0, 5, 10].map((step) => lrAt(run, step)), [0.1, 0.06, 0.02]);
  });
});

Deno.test("config.momentum and config.hparams set what module and optimizer have", async () => {
  await withRun({ momentum: 0.25, hparams: { temperature: 3 } }, (run) => {
    assertEquals(momentumOf(run.optimizer), 0.25);
    assertEquals(run.ctx.hparams, { temperature: 3, name: "x" });
    assertEquals(run.hparams.hparams, run.ctx.hparams);
  });
  await withRun({ hparams: { temperature: 3 } }, (run) => {
    assertEquals(run.ctx.hparams, { temperature: 3, name: "y" });
  }, { config: { hparams: { name: "y" } } });
});

Deno.test("config that module and optimizer do not have is refused by its key", async () => {
  const refused = (config: Record<string, unknown>, says: string, changes = {}) =>
    assertRejects(() => withRun(config, () => {}, changes), Error, says);
  await refused(
    { momentum: 0.5 },
    "config.momentum: optimizer Adam has none; Momentum and RMSProp have",
    { optimizer: () => tf.train.adam(0.1) },
  );
  await refused(
    { hparams: { heat: 1 } },
    "config.hparams.heat: the module declares no such one; there are temperature, name",
  );
  await refused({ hparams: { name: 1 } }, "config.hparams.name: expected a string, got a number");
  await refused({}, "defineJob: hparams: expected names", { hparams: { "a b": 1 } });
  await refused({}, "defineJob: hparams: expected a number", { hparams: { list: [1] } });
});

Deno.test("parseWireConfig() names the parameter of a schedule that cannot be", () => {
  const field = (schedule: unknown) =>
    assertThrows(() => parseWireConfig({ schedule }), JobConfigError).field;
  assertEquals(field({ name: "cosine" }), "schedule.period");
  assertEquals(field({ name: "cosine", period: 9, minLr: 1 }), "schedule.minLr");
  assertEquals(field({ name: "step_decay", every: 3, factor: "half" }), "schedule.factor");
  assertEquals(field({ name: "exponential", decay: 1.5 }), "schedule.decay");
  assertEquals(field({ name: "cosineDecay" }), "schedule.name");
  assertEquals(field("cosine"), "schedule");
  assertEquals(field(3), "schedule");
});

Deno.test("namedSchedule() is the function of that name, counted from where it begins", () => {
  const from = { step: 7, epoch: 2 };
  const pairs: [unknown, Schedule][] = [
    [{ name: "constant" }, { lrAt: ({ baseLr }) => baseLr }],
    [{ name: "step_decay", every: 2, factor: 0.5 }, stepDecay({ every: 2, factor: 0.5 })],
    [
      { name: "multi_step", milestones: [3, 5], factor: 0.1, per: "step" },
      multiStep({ milestones: [3, 5], factor: 0.1, per: "step" }),
    ],
    [{ name: "exponential", decay: 0.9 }, exponential({ decay: 0.9 })],
    [
      { name: "cosine", period: 4, warmup: 2, min_lr: 0.1, restarts: true, restart_factor: 2 },
      cosine({ period: 4, warmup: 2, minLr: 0.1, restarts: true, restartFactor: 2 }),
    ],
    [{ name: "one_cycle", steps: 20, final_divide: 10 }, oneCycle({ steps: 20, finalDivide: 10 })],
    [
      { name: "reduce_on_plateau", patience: 0, min_lr: 0.2 },
      reduceOnPlateau({ patience: 0, minLr: 0.2 }),
    ],
  ];
  assertEquals(pairs.map(([spec]) => (spec as ScheduleSpec).name), SCHEDULE_NAMES);
  for (const [given, expected] of pairs) {
    const spec = ScheduleSpec.parse(given);
    const [named, later] = [namedSchedule(spec), namedSchedule({ ...spec, from })];
    for (let step = 0; step < 25; step++) {
      const at = { step, epoch: Math.floor(step / 3), baseLr: 0.8 };
      assertAlmostEquals(named.lrAt(at), expected.lrAt(at), 1e-15);
      const shifted = { ...at, step: step + from.step, epoch: at.epoch + from.epoch };
      assertAlmostEquals(later.lrAt(shifted), expected.lrAt(at), 1e-15);
      for (const each of [named, later, expected]) each.onValidation?.(1);
    }
    assertEquals(named.capture?.(), expected.capture?.());
  }
});

Deno.test("cosine() refuses periods that it would count for ever", () => {
  assertThrows(() => cosine({ period: 0, restarts: true }), RangeError, "period");
  assertThrows(() => cosine({ period: NaN }), RangeError, "period");
  assertThrows(() => cosine({ period: 9, restartFactor: 0.5 }), RangeError, "restartFactor");
});
