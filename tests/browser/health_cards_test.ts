import { assert, assertEquals, assertMatch } from "@std/assert";
import { lowContrast, unnamedControls } from "./accessibility.ts";
import { Dashboard } from "./dashboard.ts";
import { reached } from "./training_job.ts";

// One browser serves the tests of the file, so what it keeps open between them is no leak.
const options = { sanitizeOps: false, sanitizeResources: false };
let dashboard: Dashboard;

Deno.test.beforeAll(async () => {
  dashboard = await Dashboard.start();
});
Deno.test.afterAll(async () => await dashboard[Symbol.asyncDispose]());

/** Half of its hidden units are dead, and its loss leaves a tensor behind at every step. */
const ILL_MODULE = `
import { defineJob, tensorDataset } from "onthefly";
import * as tf from "@tensorflow/tfjs";

export default defineJob({
  project: "ward",
  runName: "patient",
  config: { maxEpochs: 100000, batchSize: 16, seed: 7, ckptEverySteps: 200 },
  model: () => {
    const hidden = tf.layers.dense({ units: 8, inputShape: [4], activation: "relu", name: "hidden" });
    const model = tf.sequential({ layers: [hidden, tf.layers.dense({ units: 1, name: "out" })] });
    const [kernel] = hidden.getWeights();
    hidden.setWeights([kernel!, tf.tensor1d([0, 0, 0, 0, -1e3, -1e3, -1e3, -1e3])]);
    return model;
  },
  optimizer: () => tf.train.adam(1e-4),
  loss: (expected, predicted) => {
    tf.keep(tf.scalar(1));
    return tf.losses.meanSquaredError(expected as tf.Tensor, predicted);
  },
  data: () => {
    const xs = tf.randomUniform([64, 4], -1, 1, "float32", 1);
    return { train: tensorDataset(xs, tf.sum(xs, 1, true)) };
  },
});
`;

Deno.test("health cards check a live job, say what ails it and what to do", options, async () => {
  const { server } = dashboard;
  const job = await server.submit(ILL_MODULE);
  await reached(dashboard, job, 50);
  await using opened = await dashboard.open(`/jobs/${job}`);
  const { page } = opened;
  await page.getByRole("tab", { name: "Health" }).click();
  assertMatch(page.url(), /tab=health/);

  await page.getByRole("button", { name: "Check activations" }).click();
  const said = await opened.reads("#receipt", /Checked activations at step/);
  assertMatch(said, /^Checked activations at step [\d,]+: fail, 1 found$/);
  const card = await opened.reads("#health-activations", /At step/);
  assertMatch(card, /fail/);
  assertMatch(card, /hidden dead_units 0\.5 \(limit 0\.4\)/);
  assertMatch(card, /lower lr/);
  await page.locator("#health-activations summary").click();
  await opened.reads("#health-activations tbody tr", /hidden.*relu/);

  await page.getByRole("button", { name: "Check memory" }).click();
  await opened.reads("#health-memory", /fail[\s\S]*tensors_per_step[\s\S]*tf\.tidy/);
  assert(
    await page.locator("#health-activations details").getAttribute("open") !== null,
    "a table that was open is shut when another answer comes",
  );
  for (const name of ["weights", "numerics", "gradients", "determinism", "throughput"]) {
    await page.getByRole("button", { name: `Check ${name}` }).click();
    const check = name === "weights" ? "distribution" : name;
    await opened.reads(`#health-${check}`, /At step/);
  }
  await opened.reads("#health-determinism", /ok\s*Check/);
  assertEquals((await server.call("GET", `/jobs/${job}`)).body["state"], "running");

  const markers = await server.call("GET", `/fragments/jobs/${job}/markers`);
  const texts = (markers.body["items"] as { kind: string; text: string }[])
    .filter(({ kind }) => kind === "health").map(({ text }) => text);
  assert(texts.includes("activations fail: dead_units hidden"), `${texts}`);
  assert(!texts.some((text) => text.includes(" ok")), `${texts}`);

  await page.reload();
  await opened.reads("#health-activations", /dead_units/);
  assertEquals([await lowContrast(page), await unnamedControls(page)], [[], []]);
  const picture = Deno.env.get("HEALTH_PICTURE");
  if (picture !== undefined) await page.screenshot({ path: picture, fullPage: true });
  await server.call("POST", `/jobs/${job}/stop`);
});

Deno.test("health cards of a job that takes no check say why", options, async () => {
  const job = await dashboard.server.submit(ILL_MODULE, { batch_size: 9_999 });
  await dashboard.server.state(job, "failed");
  await using opened = await dashboard.open(`/jobs/${job}?tab=health`, {
    viewport: { width: 360, height: 800 },
  });
  const { page } = opened;
  await page.locator("#health-memory").waitFor();
  const over = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth - clientWidth;
  });
  assertEquals(over, 0);
});
