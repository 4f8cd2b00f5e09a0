import { assert, assertEquals, assertThrows } from "@std/assert";
import { fromFileUrl } from "@std/path";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "../../runtime/backends/choose.ts";
import { readValues } from "../../runtime/backends/tensor_view.ts";
import { keyedStream } from "../../runtime/determinism/rng.ts";
import { installSeededRandom } from "../../runtime/determinism/seeded_math_random.ts";
import { completeConfig, parseWireConfig } from "../../runtime/protocol/job_config.ts";
import { loadJob } from "../../runtime/session/load_job.ts";
import { LossScaler } from "../../runtime/training/loss_scaler.ts";
import { type StepReport, trainLoop } from "../../runtime/training/train_loop.ts";
import type { TrainingRun } from "../../runtime/training/training_run.ts";
import type { LaunchContext } from "../../runtime/protocol/commands.ts";
import { launchContext, WorkerProcess } from "../fixtures/worker_process.ts";

const LINEAR = fromFileUrl(new URL("../fixtures/linear.ts", import.meta.url));

const SCALED_STEP = fromFileUrl(new URL("../fixtures/scaled_step.ts", import.meta.url));

/** So large that the gradients of the linear job overflow float32. */
const TOO_LARGE = 2 ** 126;

/** Trains the linear job; `before` sees each step that is about to come. */
async function train(
  config: Record<string, unknown>,
  before: (run: TrainingRun) => void = () => {},
): Promise<{ reports: StepReport[]; weights: Float32Array[] }> {
  await chooseBackend("wasm", 1);
  const random = installSeededRandom(keyedStream(0, "setup"));
  try {
    const wire = { max_epochs: 100, max_steps: 12, batch_size: 2, ...config };
    const { run } = await loadJob(launchContext(LINEAR, "", { config: wire }), random, () => {});
    const reports: StepReport[] = [];
    await trainLoop(run, {
      onStepBegin: () => Promise.resolve(before(run)),
      onStep: (report) => void reports.push(report),
      onEpochEnd: () => Promise.resolve(),
      gate: () => "go on",
      checkpoint: () => {},
    });
    return { reports, weights: weightsOf(run) };
  } finally {
    random.uninstall();
  }
}

const weightsOf = (run: TrainingRun) =>
  run.handle.trainable.map((variable) => Float32Array.from(readValues(variable)));

Deno.test("a loss scale that is a power of two changes no bit of a step, clipping and accumulation included", async () => {
  const clipped = { grad_clip_value: 0.5, grad_clip_norm: 0.3, accumulate_steps: 2 };
  const plain = await train(clipped);
  const scaled = await train({ ...clipped, loss_scale: 2 ** 16 });
  assertEquals(scaled.weights, plain.weights);
  const figures = ({ loss, gradNorm, applied }: StepReport) => ({ loss, gradNorm, applied });
  assertEquals(scaled.reports.map(figures), plain.reports.map(figures));
  assertEquals(plain.reports[0]!.figures, {});
  assertEquals(scaled.reports[0]!.figures, { loss_scale: 2 ** 16, skipped_steps: 0 });
});

Deno.test("a loss scale whose gradients overflow skips steps, backs off and then trains", async () => {
  const standing: Float32Array[][] = [];
  const { reports } = await train(
    { loss_scale: TOO_LARGE, grad_clip_value: 1, batch_size: 4, lr: 0.01 },
    (run) => standing.push(weightsOf(run)),
  );
  const skipped = reports.findIndex(({ applied }) => applied);
  assert(skipped > 0, "no step overflowed");
  for (const [at, { loss, backedOff, figures }] of reports.slice(0, skipped).entries()) {
    assert(backedOff && Number.isFinite(loss));
    assertEquals(figures, { loss_scale: TOO_LARGE / 2 ** (at + 1), skipped_steps: at + 1 });
    assertEquals(standing[at + 1], standing[0]);
  }
  assert(reports.slice(skipped).every(({ applied, backedOff }) => applied && !backedOff));
  assertEquals(reports.at(-1)!.figures["skipped_steps"], skipped);
});

Deno.test("the loss scale grows after its interval, and falls when that was too much", async () => {
  const { reports } = await train({
    loss_scale: TOO_LARGE,
    loss_scale_growth: 4,
    loss_scale_interval: 2,
    max_steps: 30,
  });
  const scales = reports.map(({ figures }) => figures["loss_scale"]!);
  assert(scales.some((scale, at) => at > 0 && scale === 4 * scales[at - 1]!));
  assert(reports.filter(({ backedOff }) => backedOff).length > 2);
});

Deno.test("LossScaler at a scale of 1 leaves gradients that are not finite to on_non_finite", () => {
  const scaler = new LossScaler(completeConfig({ lossScale: 2 }));
  const infinite = [tf.tensor1d([Infinity])];
  assertEquals(scaler.check(infinite), "too large");
  assertEquals(scaler.check(infinite), "not finite");
  assertEquals(scaler.figures, { loss_scale: 1, skipped_steps: 1 });
  tf.dispose(infinite);
});

Deno.test("LossScaler in a step of one's own: on it skips an overflow, off its calls change nothing", async () => {
  await chooseBackend("wasm", 1);
  const weight = tf.variable(tf.tensor1d([3, 4]));
  const optimizer = tf.train.sgd(0.5);
  /** One step on the losses [w0^2, w1^2], which are no scalar. */
  const step = (scaler: LossScaler) => {
    const { value, grads } = tf.variableGrads(() => scaler.scale(tf.square(weight)), [weight]);
    const applied = scaler.step(optimizer, grads);
    const scaled = value.dataSync()[0];
    value.dispose();
    return { applied, scaled, weight: [...weight.dataSync()] };
  };
  const before = tf.memory().numTensors;
  const off = new LossScaler(completeConfig());
  assertEquals(step(off), { applied: true, scaled: 12.5, weight: [1.5, 2] });
  assertEquals([off.capture(), off.figures], [null, {}]);
  const on = new LossScaler(completeConfig({ lossScale: 4 }));
  assertEquals(step(on), { applied: true, scaled: 12.5, weight: [0.75, 1] });
  const huge = new LossScaler(completeConfig({ lossScale: 2 ** 126 }));
  tf.tidy(() => weight.assign(tf.tensor1d([3e3, 4e3])));
  assertEquals(step(huge), { applied: false, scaled: Infinity, weight: [3e3, 4e3] });
  assertEquals(huge.capture(), { scale: 2 ** 125, streak: 0, skipped: 1 });
  assertEquals(tf.memory().numTensors, before);
  optimizer.dispose();
  weight.dispose();
});

Deno.test("a run whose loss scale falls and grows goes on to the bit after a kill, skipped steps counted on", async () => {
  const folder = await Deno.makeTempDir();
  const start = (changes: Partial<LaunchContext> = {}) => {
    const scaling = { loss_scale: TOO_LARGE, loss_scale_growth: 4, loss_scale_interval: 2 };
    const config = { max_epochs: 1000, max_steps: 1000, batch_size: 2, ...scaling };
    return new WorkerProcess(launchContext(LINEAR, folder, { config, ...changes }));
  };
  const told = (worker: WorkerProcess) =>
    worker.all("trainStep").map(({ step, loss, weight_norm, loss_scale, skipped_steps }) => ({
      ...{ step, loss, weight_norm, loss_scale, skipped_steps },
    }));
  const undisturbed = start();
  assertEquals((await undisturbed.ended()).code, 0);
  const expected = told(undisturbed);
  assert(expected.at(-1)!.skipped_steps! > 5);
  assertEquals(undisturbed.all("paused").length, 0, "an overflow pauses nothing");

  const first = start();
  await first.event("trainStep", ({ step }) => step >= 51);
  await first.send("save_ckpt", { reason: "explicit" });
  await first.kill();
  const { checkpoint, file, sha256, step: savedAt } = first.all("checkpoint_saved").at(-1)!;
  const second = start({
    run_gen: 2,
    next_checkpoint: checkpoint + 1,
    start: {
      from: "checkpoint",
      checkpoint: { job: "job-test", checkpoint, path: `${folder}/${file}`, sha256 },
    },
  });
  assertEquals((await second.ended()).code, 0);
  assertEquals(told(second), expected.slice(savedAt));
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a trainStep of one's own that scales its loss skips what overflows, and is not paused", async () => {
  const folder = await Deno.makeTempDir();
  const train = async (config: Record<string, unknown>) => {
    const budget = { max_epochs: 100, max_steps: 30 };
    const wire = { ...budget, batch_size: 4, lr: 0.01, data_order_policy: "user", ...config };
    const worker = new WorkerProcess(launchContext(SCALED_STEP, folder, { config: wire }));
    assertEquals((await worker.ended()).code, 0);
    assertEquals([worker.all("paused"), worker.all("error")], [[], []]);
    return worker.all("trainStep");
  };
  const [plain, scaled, huge] = [
    await train({}),
    await train({ loss_scale: 2 ** 16 }),
    await train({ loss_scale: TOO_LARGE }),
  ];
  await Deno.remove(folder, { recursive: true });
  const losses = (steps: typeof plain) => steps.map(({ loss }) => loss);
  assertEquals(losses(scaled), losses(plain));
  assertEquals(plain[0]!.loss_scale, undefined);
  const skipped = huge.at(-1)!.skipped_steps!;
  assert(skipped > 0);
  assertEquals(huge.slice(0, skipped).map(({ applied }) => applied), Array(skipped).fill(0));
  assertEquals(losses(huge.slice(skipped)), losses(plain.slice(0, 30 - skipped)));
});

Deno.test("config refuses a loss scale that is none, by its name", () => {
  assertThrows(() => parseWireConfig({ loss_scale: 0.5 }), Error, "config.loss_scale");
  assertThrows(() => parseWireConfig({ loss_scale: 1e38 }), Error, "config.loss_scale");
  assertThrows(() => parseWireConfig({ loss_scale_backoff: 1 }), Error, "loss_scale_backoff");
});
