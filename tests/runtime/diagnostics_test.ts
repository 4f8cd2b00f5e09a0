/** Each check on a job with the illness that it looks for, and all of them on one that is well. */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { checkHealth } from "../../runtime/diagnostics/check_health.ts";
import { trialSteps } from "../../runtime/diagnostics/trial_steps.ts";
import type { JobDefinition } from "../../runtime/job_definition.ts";
import {
  HEALTH_CHECKS,
  type HealthCheck,
  type HealthPayload,
  HealthReport,
} from "../../runtime/protocol/health.ts";
import { withBuiltRun } from "../fixtures/built_run.ts";
import { denseNet, patient, twoClasses } from "../fixtures/patients.ts";

const surroundings = { memory: () => ({ rss: 1, heap: 1, tensorBytes: 1 }) };

/** What a check says of a job, as it travels; trained for some steps before, if wished. */
async function ask<C extends HealthCheck>(
  definition: JobDefinition,
  check: C,
  payload: HealthPayload<C>,
  trained = 0,
): Promise<HealthReport> {
  let report: unknown;
  await withBuiltRun(definition, async (run) => {
    if (trained > 0) run.recent = await trialSteps(run, trained);
    report = await checkHealth(run, check, payload, surroundings);
  });
  return HealthReport.parse(JSON.parse(JSON.stringify(report)));
}

/** Findings as `status figure layer`. */
function told({ findings }: HealthReport): string[] {
  return findings.map(({ status, figure, layer }) => [status, figure, layer].join(" ").trim());
}

const init = (kernelInitializer: ReturnType<typeof tf.initializers.zeros>) => () =>
  denseNet("relu", [{ kernelInitializer }, {}]);

for (const check of HEALTH_CHECKS.filter((name) => name !== "throughput")) {
  Deno.test(`${check} finds nothing the matter with a healthy job`, async () => {
    const report = await ask(patient(), check, {}, 30);
    assertEquals([report.check, report.status, report.findings], [check, "ok", []]);
  });
}

Deno.test("distribution tells each weight's moments and histogram", async () => {
  const { layers, figures } = await ask(patient(), "distribution", {});
  assertEquals(layers.map(({ layer }) => layer), [
    "hidden1/kernel",
    "hidden1/bias",
    "hidden2/kernel",
    "hidden2/bias",
    "classes/kernel",
    "classes/bias",
  ]);
  const { values, mean, std, histogram } = layers[0] as unknown as {
    values: number;
    mean: number;
    std: number;
    histogram: number[];
  };
  assertEquals(histogram.reduce((a, b) => a + b), values);
  assertEquals(figures["parameters"], 8 * 16 + 16 + 16 * 16 + 16 + 16 * 2 + 2);
  assert(Math.abs(mean) < 0.2 && Math.abs(std - 0.5) < 0.15);
});

Deno.test("distribution names the weights that are constant, huge, tiny, dead, clipped or NaN", async () => {
  const { constant, randomNormal } = tf.initializers;
  const found = async (definition: Partial<JobDefinition>) =>
    told(await ask(patient(definition), "distribution", {}))[0];
  assertEquals(await found({ model: init(constant({ value: 0.1 })) }), "fail std hidden1/kernel");
  const normal = (stddev: number) => init(randomNormal({ mean: 0, stddev }));
  assertEquals(await found({ model: normal(500) }), "fail scale hidden1/kernel");
  assertEquals(await found({ model: normal(1e-5) }), "warn scale hidden1/kernel");

  const changed = (change: (value: number, at: number) => number) => () => {
    const model = denseNet("relu");
    const [kernel, ...rest] = model.getWeights();
    const values = kernel!.dataSync().map(change);
    model.setWeights([tf.tensor(values, kernel!.shape), ...rest]);
    return model;
  };
  const dead = changed((value, at) => at % 16 < 10 ? 0 : value);
  assertEquals(await found({ model: dead }), "fail dead_units hidden1/kernel");
  const clipped = changed((value) => Math.max(-0.2, Math.min(0.2, value)));
  assertEquals(await found({ model: clipped }), "warn saturated hidden1/kernel");
  const broken = changed((value, at) => at === 7 ? NaN : value);
  assertEquals(await found({ model: broken }), "fail non_finite hidden1/kernel");
});

Deno.test("activations names layers of dead, of rarely used and of saturated units", async () => {
  const found = async (model: () => tf.LayersModel) =>
    told(await ask(patient({ model }), "activations", {}));
  const biased = (bias: number) => () =>
    denseNet("relu", [{ biasInitializer: tf.initializers.constant({ value: bias }) }, {}]);
  assertEquals((await found(biased(-1e3)))[0], "fail std hidden1");
  assert((await found(biased(-2.4))).includes("warn zero_fraction hidden1"));
  const half = () => {
    const model = denseNet("relu");
    const [kernel, bias, ...rest] = model.getWeights();
    const biases = bias!.dataSync().map((_, unit) => unit < 8 ? -1e3 : 0);
    model.setWeights([kernel!, tf.tensor(biases), ...rest]);
    return model;
  };
  assertEquals(await found(half), ["fail dead_units hidden1"]);
  const { randomNormal } = tf.initializers;
  const saturated = () =>
    denseNet("tanh", [{ kernelInitializer: randomNormal({ mean: 0, stddev: 50 }) }, {}]);
  assertEquals(await found(saturated), ["fail saturated hidden1"]);
});

Deno.test("activations counts zeros over as many samples as asked for", async () => {
  const { figures, layers } = await ask(patient(), "activations", { samples: 100 });
  assertEquals(figures["samples"], 128);
  assert(figures["zero_fraction"]! > 0.2 && figures["zero_fraction"]! < 0.8);
  assertEquals(layers.map(({ layer }) => layer), ["hidden1", "hidden2", "classes"]);
});

Deno.test("numerics names the first place that is NaN: data, weight, layer, loss, gradient", async () => {
  const found = async (changes: Partial<JobDefinition>) =>
    told(await ask(patient(changes), "numerics", {}))[0];
  const spoiled = () => {
    const { train } = twoClasses();
    const batch = async (indices: Int32Array) => {
      const { xs, ys } = await train.batch(indices);
      return { xs: tf.div(xs as tf.Tensor, 0), ys };
    };
    return { train: { length: train.length, batch } };
  };
  assertEquals(await found({ data: spoiled }), "fail data_non_finite xs");
  const { constant, randomNormal } = tf.initializers;
  const weight = () => denseNet("relu", [{}, { biasInitializer: constant({ value: NaN }) }]);
  assertEquals(await found({ model: weight }), "fail weight_non_finite hidden2/bias");
  const kernelInitializer = randomNormal({ mean: 0, stddev: 1e38 });
  const overflow = () => denseNet("relu", [{}, { kernelInitializer }]);
  assertEquals(await found({ model: overflow }), "fail output_non_finite hidden2");
  const loss = (_: unknown, predicted: tf.Tensor) => tf.log(tf.mul(predicted, 0)).mean();
  assertEquals(await found({ loss }), "fail loss_non_finite loss");
  const kink = (_: unknown, predicted: tf.Tensor) => tf.sqrt(tf.mul(predicted, 0)).mean();
  assertEquals(await found({ loss: kink }), "fail gradient_non_finite hidden1/kernel");
});

Deno.test("gradients names layers that none reaches, and steps that are too long or too short", async () => {
  const found = async (changes: Partial<JobDefinition>) =>
    told(await ask(patient(changes), "gradients", {}));
  const { randomNormal } = tf.initializers;
  const faint = () =>
    denseNet(
      "sigmoid",
      [{}, {}, {}, {}].map(() => ({
        kernelInitializer: randomNormal({ mean: 0, stddev: 0.01 }),
      })),
    );
  assert((await found({ model: faint })).includes("fail grad_share hidden1/kernel"));
  const far = (expected: unknown, predicted: tf.Tensor) =>
    tf.squaredDifference(tf.mul(expected as tf.Tensor, 1e9), predicted).mean();
  assertEquals((await found({ loss: far }))[0], "fail grad_norm");
  const long = await found({ optimizer: () => tf.train.sgd(1e3) });
  assert(long.includes("fail update_ratio hidden1/kernel"), `${long}`);
  const short = await found({ optimizer: () => tf.train.sgd(1e-9) });
  assert(short.includes("warn update_ratio hidden1/kernel"), `${short}`);
  const biasInitializer = tf.initializers.constant({ value: -1e3 });
  const cut = await found({ model: () => denseNet("relu", [{ biasInitializer }]) });
  assertEquals(cut[0], "fail grad_norm hidden1/kernel");
});

Deno.test("gradients names a weight that the loss does not depend on", async () => {
  const model = () => {
    const used = tf.variable(tf.randomNormal([8, 2]), true, "used");
    const idle = tf.variable(tf.ones([3, 3]), true, "idle");
    return {
      weights: [used, idle],
      apply: (xs: unknown) => tf.softmax(tf.matMul(xs as tf.Tensor2D, used as tf.Tensor2D)),
    };
  };
  const { findings, layers } = await ask(patient({ model }), "gradients", {});
  assertEquals(layers.map(({ layer }) => layer), ["0000/used", "0001/idle"]);
  const [{ figure, layer, value } = { figure: "" }] = findings;
  assertEquals([figure, layer, value], ["grad_norm", "0001/idle", null]);
});

Deno.test("determinism names what differs first, and at which step", async () => {
  const found = async (changes: Partial<JobDefinition>) => {
    const { findings, figures } = await ask(patient(changes), "determinism", { steps: 4 });
    assertEquals(figures["steps"], 4);
    return findings.map(({ figure, value, advice }) => [figure, value, advice.split(":")[0]]);
  };
  const dice = () => crypto.getRandomValues(new Uint32Array(1))[0]! / 2 ** 32;
  const loss = (expected: unknown, predicted: tf.Tensor) =>
    tf.losses.softmaxCrossEntropy(expected as tf.Tensor, tf.mul(predicted, 1 + dice()));
  assertEquals(await found({ loss }), [["loss", 1, "first difference at step 1"]]);
  let asked = 0;
  const data = () => {
    const { train } = twoClasses();
    const batch = async (indices: Int32Array) => {
      const { xs, ys } = await train.batch(indices);
      // The second batch of each replay.
      return asked++ % 4 === 1 ? { xs: tf.add(xs as tf.Tensor, dice()), ys } : { xs, ys };
    };
    return { train: { length: train.length, batch } };
  };
  const [[what, step] = []] = await found({ data });
  assertEquals(what, "data");
  assert(Number(step) <= 4);
  assertEquals(await found({}), []);
});

Deno.test("memory counts the tensors that steps leave behind", async () => {
  const data = () => {
    const { train } = twoClasses();
    const batch = async (indices: Int32Array) => {
      tf.keep(tf.scalar(1));
      tf.keep(tf.scalar(2));
      return await train.batch(indices);
    };
    return { train: { length: train.length, batch } };
  };
  const report = await ask(patient({ data }), "memory", {}, 40);
  assertEquals(told(report), ["fail tensors_per_step"]);
  assertEquals(report.figures["tensors_per_step"], 2);
  assertEquals(report.figures["steps"], 37);
});
