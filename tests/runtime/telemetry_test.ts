import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import type { JobDefinition } from "../../runtime/job_definition.ts";
import { JobConfigError, parseWireConfig } from "../../runtime/protocol/job_config.ts";
import type { TelemetryFigures } from "../../runtime/telemetry/step_telemetry.ts";
import { trainLoop } from "../../runtime/training/train_loop.ts";
import type { TrainingRun } from "../../runtime/training/training_run.ts";
import { withBuiltRun } from "../fixtures/built_run.ts";
import { denseNet, patient } from "../fixtures/patients.ts";

type Telemetry = NonNullable<NonNullable<JobDefinition["config"]>["telemetry"]>;

/** A job's steps: what telemetry says of each, its loss, and the weights after them. */
async function trained(
  telemetry: Telemetry,
  changes: Partial<JobDefinition> = {},
  look: (run: TrainingRun) => void = () => {},
) {
  const steps: TelemetryFigures[] = [];
  const losses: (number | null)[] = [];
  let weights: unknown;
  const steady = { batchSize: 32, seed: 3, maxEpochs: 9, maxSteps: 8 };
  const config = { ...steady, telemetry, telemetryEverySteps: 3 };
  await withBuiltRun(patient({ config, ...changes }), async (run) => {
    look(run);
    await trainLoop(run, {
      gate: () => "go on",
      onStep: ({ telemetry, loss }) => {
        steps.push(telemetry);
        losses.push(loss);
      },
      onEpochEnd: () => Promise.resolve(),
      checkpoint: () => {},
    });
    look(run);
    weights = run.handle.weights.map(({ variable }) => variable.dataSync());
  });
  return { steps, losses, weights };
}

Deno.test("telemetry is there in the first step of every three, and null in between", async () => {
  const { steps } = await trained(["activation_zero_frac", "update_ratio", "memory", "top_2"]);
  const sampled = steps.map((figures) =>
    Object.values(figures).every((value) => typeof value === "number")
  );
  assertEquals(sampled, [true, false, false, true, false, false, true, false]);
  const names = ["activation_zero_frac", "update_ratio", "mem_rss", "mem_heap", "mem_tensors"];
  for (const figures of steps) assertEquals(Object.keys(figures), [...names, "top_2"]);
  assertEquals(new Set(Object.values(steps[1]!)), new Set([null]));
  assert(steps[0]!["mem_rss"]! > steps[0]!["mem_heap"]! && steps[0]!["mem_tensors"]! > 0);
  assertEquals(steps[0]!["top_2"], 1);
});

Deno.test("data_wait is a share of the time of every step; what is not asked for is not there", async () => {
  const { steps } = await trained(["data_wait"]);
  for (const figures of steps) {
    assertEquals(Object.keys(figures), ["data_wait"]);
    assert(figures["data_wait"]! >= 0 && figures["data_wait"]! <= 1);
  }
});

Deno.test("gpu is null where nothing reads it", async () => {
  const { steps } = await trained(["gpu"]);
  assertEquals(steps[0], { mem_vram: null, gpu_util: null });
});

Deno.test("all telemetry on and off come to the same bits, and the model is let go of", async () => {
  const calls: unknown[] = [];
  const look = ({ handle: { model } }: TrainingRun) =>
    calls.push((model as tf.LayersModel).layers.map(({ call }) => call));
  const all: Telemetry = ["activation_zero_frac", "update_ratio", "data_wait", "memory", "top_1"];
  const on = await trained(all, {}, look);
  const off = await trained([]);
  assertEquals([on.losses, on.weights], [off.losses, off.weights]);
  assertEquals(off.steps[0], {});
  assertEquals(calls[1], calls[0]);
});

Deno.test("activation_zero_frac counts the zeros after hidden activations", async () => {
  const biasInitializer = tf.initializers.constant({ value: -1e3 });
  const model = () => denseNet("relu", [{ biasInitializer, units: 48 }, { units: 16 }]);
  const { steps } = await trained(["activation_zero_frac"], { model });
  // The first layer is all zero, so the second is all bias: zero as well.
  assertEquals(steps[0]!["activation_zero_frac"], 1);
  const tanh = await trained(["activation_zero_frac"], { model: () => denseNet("tanh") });
  assertEquals(tanh.steps[0]!["activation_zero_frac"], 0);
});

Deno.test("update_ratio is the norm of the step over the norm of the weights", async () => {
  let before: Float32Array[] = [];
  const read = ({ handle }: TrainingRun) =>
    handle.trainable.map((variable) => variable.dataSync<"float32">().slice());
  const config = { batchSize: 32, seed: 3, maxSteps: 1, telemetry: ["update_ratio"] as Telemetry };
  await withBuiltRun(patient({ config }), async (run) => {
    before = read(run);
    const seen: TelemetryFigures[] = [];
    await trainLoop(run, {
      gate: () => "go on",
      onStep: ({ telemetry }) => void seen.push(telemetry),
      onEpochEnd: () => Promise.resolve(),
      checkpoint: () => {},
    });
    const after = read(run);
    const norm = (values: number[]) => Math.hypot(...values);
    const moved = norm(
      after.flatMap((values, at) => [...values.map((v, i) => v - before[at]![i]!)]),
    );
    const held = norm(before.flatMap((values) => [...values]));
    assertAlmostEquals(seen[0]!["update_ratio"]!, moved / held, 1e-6);
    assert(moved > 0);
  });
});

Deno.test("config.telemetry names what it does not know", () => {
  assertEquals(parseWireConfig({ telemetry: ["top_5", "memory"] }), {
    telemetry: ["top_5", "memory"],
  });
  const refused = assertThrows(() => parseWireConfig({ telemetry: ["colour"] }), JobConfigError);
  assert(refused.message.startsWith("config.telemetry.0: expected some of activation_zero_frac,"));
  assertThrows(() => parseWireConfig({ telemetry: ["top_0"] }), JobConfigError);
  assertThrows(() => parseWireConfig({ telemetry_every_steps: 0 }), JobConfigError);
});
