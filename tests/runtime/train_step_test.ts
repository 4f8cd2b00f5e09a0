import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "../../runtime/backends/choose.ts";
import { readValues } from "../../runtime/backends/tensor_view.ts";
import { keyedStream } from "../../runtime/determinism/rng.ts";
import { installSeededRandom } from "../../runtime/determinism/seeded_math_random.ts";
import { loadJob } from "../../runtime/session/load_job.ts";
import {
  type BatchGradients,
  batchGradients,
  sumGradients,
} from "../../runtime/training/gradients.ts";
import { l2Norm } from "../../runtime/training/norms.ts";
import { trainStep } from "../../runtime/training/train_step.ts";
import type { TrainingRun } from "../../runtime/training/training_run.ts";
import { launchContext } from "../fixtures/worker_process.ts";

const LINEAR = fromFileUrl(new URL("../fixtures/linear.ts", import.meta.url));

async function withRun(
  config: Record<string, unknown>,
  test: (run: TrainingRun) => Promise<void>,
): Promise<void> {
  await chooseBackend("wasm", 1);
  const random = installSeededRandom(keyedStream(0, "setup"));
  try {
    const { run } = await loadJob(launchContext(LINEAR, "", { config }), random, () => {});
    await test(run);
  } finally {
    random.uninstall();
  }
}

async function gradientsOf(run: TrainingRun, indices: number[]): Promise<BatchGradients> {
  const batch = await run.data.train.batch(Int32Array.from(indices));
  const gradients = batchGradients(run, batch);
  tf.dispose([batch.xs, batch.ys]);
  return gradients;
}

const valuesOf = (gradients: (tf.Tensor | null)[]) =>
  gradients.flatMap((gradient) => [...readValues(gradient!)]);

Deno.test("sumGradients() of unequal batches is the gradient of all their samples at once", async () => {
  await withRun({}, async (run) => {
    const parts = [await gradientsOf(run, [0, 1, 2]), await gradientsOf(run, [3])];
    const whole = await gradientsOf(run, [0, 1, 2, 3]);
    const sum = sumGradients(parts);
    assertEquals([sum.samples, sum.correct], [4, whole.correct]);
    assertAlmostEquals(sum.loss, whole.loss, 1e-6);
    const expected = valuesOf(whole.gradients);
    valuesOf(sum.gradients).forEach((value, i) => assertAlmostEquals(value, expected[i]!, 1e-6));
  });
});

Deno.test("trainStep() with gradClipValue moves no weight further than lr times the value", async () => {
  await withRun({ grad_clip_value: 0.001, lr: 1 }, async (run) => {
    const before = run.handle.trainable.map((variable) => readValues(variable).slice());
    const gradients = await gradientsOf(run, [0, 1, 2, 3]);
    assert(Math.max(...valuesOf(gradients.gradients).map(Math.abs)) > 0.001);
    trainStep(run, [gradients]);
    run.handle.trainable.forEach((variable, at) =>
      readValues(variable).forEach((value, i) =>
        assert(Math.abs(value - before[at]![i]!) <= 0.001 + 1e-7)
      )
    );
  });
});

Deno.test("trainStep() with gradClipNorm moves the weights by lr times that norm", async () => {
  await withRun({ grad_clip_norm: 0.01, lr: 1 }, async (run) => {
    const before = run.handle.trainable.map((variable) => variable.clone());
    const { gradNorm } = trainStep(run, [await gradientsOf(run, [0, 1, 2, 3])]);
    assert(gradNorm! > 0.01);
    const moved = run.handle.trainable.map((variable, i) => tf.sub(variable, before[i]!));
    assertAlmostEquals(l2Norm(moved), 0.01, 1e-6);
  });
});

Deno.test("trainStep() leaves out an update that is not finite", async () => {
  await withRun({}, async (run) => {
    const before = run.handle.trainable.map((variable) => readValues(variable).slice());
    const gradients = await gradientsOf(run, [0]);
    const { applied } = trainStep(run, [{ ...gradients, loss: NaN }]);
    assertEquals(applied, false);
    assertEquals(run.handle.trainable.map((variable) => readValues(variable).slice()), before);
  });
});
