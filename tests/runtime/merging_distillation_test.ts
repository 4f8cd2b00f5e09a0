import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "../../runtime/backends/choose.ts";
import type { LossName } from "../../runtime/job_definition.ts";
import { distillationLoss } from "../../runtime/merging/distillation.ts";
import { MergeError } from "../../runtime/merging/merge_error.ts";
import type { LaunchContext } from "../../runtime/protocol/commands.ts";
import { distill } from "../../runtime/session/distill.ts";
import { resolveLoss } from "../../runtime/training/losses.ts";
import { type ModelHandle, modelHandle } from "../../runtime/training/model_handle.ts";
import { keyedStream } from "../../runtime/determinism/rng.ts";
import { MergeBench, range } from "../fixtures/merge_bench.ts";
import { numpy } from "../fixtures/numpy.ts";
import { launchContext, WorkerProcess } from "../fixtures/worker_process.ts";

const CLUSTERS = fromFileUrl(new URL("../fixtures/clusters.ts", import.meta.url));
const random = keyedStream(6, "data");

/** A model that answers the same whatever it is asked. */
function answering(outputs: number[][]): ModelHandle {
  const none = tf.variable(tf.scalar(0));
  return modelHandle({ weights: [none], apply: () => tf.tensor2d(outputs) });
}

function outputs(kind: string, rows = 4, classes = 3): number[][] {
  return Array.from({ length: rows }, () => {
    const raw = Array.from({ length: classes }, () => Math.fround(0.1 + 0.8 * random.next()));
    const sum = raw.reduce((a, b) => a + b);
    return kind === "probabilities" ? raw.map((value) => value / sum) : raw;
  });
}

const CASES: [LossName, "probabilities" | "logits" | "sigmoid" | "values"][] = [
  ["categoricalCrossentropy", "probabilities"],
  ["softmaxCrossEntropy", "logits"],
  ["binaryCrossentropy", "sigmoid"],
  ["meanSquaredError", "values"],
];

for (const [name, kind] of CASES) {
  Deno.test(`distillationLoss() of ${name} is NumPy's, with and without weights`, async () => {
    await chooseBackend("cpu", 1);
    const [teachers, student] = [[outputs(kind), outputs(kind)], outputs(kind)];
    const labels = kind === "values" ? outputs(kind) : [[1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]];
    const rule = { temperature: 2.5, alpha: 0.7 };
    const own = resolveLoss(name);
    const loss = distillationLoss(own, teachers.map(answering), rule);
    for (const weights of [null, [1, 0.5, 2, 0]]) {
      const expected = await numpy<number>("./numpy_distillation.py", {
        teachers,
        student,
        labels,
        outputs: kind,
        weights,
        ...rule,
      });
      const [yTrue, yPred] = [tf.tensor2d(labels), tf.tensor2d(student)];
      const weighed = weights === null ? undefined : tf.tensor1d(weights);
      const seen = { xs: yPred, indices: Int32Array.of(0, 1, 2, 3), training: true };
      const value = loss.mean(yTrue, yPred, weighed, seen).dataSync()[0]!;
      if (expected !== null) assertAlmostEquals(value, expected, 2e-6);
      // Who only looks on gets the job's own loss.
      const looking = loss.mean(yTrue, yPred, weighed, { ...seen, training: false }).dataSync()[0]!;
      assertEquals(looking, own.mean(yTrue, yPred, weighed).dataSync()[0]!);
    }
  });
}

Deno.test("distillationLoss() refuses class counts that differ, and a loss function", async () => {
  await chooseBackend("cpu", 1);
  const teachers = [answering(outputs("logits")), answering(outputs("logits", 4, 5))];
  const loss = distillationLoss(resolveLoss("softmaxCrossEntropy"), teachers, {
    temperature: 1,
    alpha: 1,
  });
  const yPred = tf.tensor2d(outputs("logits"));
  assertThrows(
    () =>
      loss.mean(yPred, yPred, undefined, { xs: yPred, indices: new Int32Array(4), training: true }),
    MergeError,
    "parent 1 tells 5 classes apart, the student 3: outputs [4,5] and [4,3]",
  );
  assertThrows(
    () => distillationLoss(resolveLoss(() => tf.scalar(0)), teachers, { temperature: 1, alpha: 1 }),
    MergeError,
    "needs a loss by name",
  );
});

Deno.test("distill() refuses a module with a trainStep of its own", async () => {
  await using bench = await MergeBench.open();
  const teachers = [await bench.save("a"), await bench.save("b")];
  bench.run.steps.trainStep = () => ({ loss: 0 });
  const ports = { progress() {}, judged() {}, warn() {}, freshOptimizer: () => tf.train.sgd(1) };
  await assertRejects(
    () => distill(bench.job, { teachers, ancestor: null, params: {}, gate: null }, ports),
    MergeError,
    "trainStep of its own",
  );
});

Deno.test("a student trains on its teachers, is judged in the end, and repeats to the bit from a checkpoint", async () => {
  await using bench = await MergeBench.open();
  await bench.train(40, range(0, 150));
  const one = await bench.save("one");
  await bench.train(80, range(150, 300));
  const teachers = [one, await bench.save("two")];
  const params = { temperature: 3, alpha: 0.9, student: "fresh" };
  const gate = { min_delta: 0, on_fail: "fallback_best" } as const;
  const distillation = { teachers, ancestor: null, params, gate };
  const start: LaunchContext["start"] = {
    from: "merge",
    checkpoints: teachers,
    ancestor: null,
    origin_step: 80,
    strategy: "distillation",
    params,
    optimizer: "fresh",
    batch_norm: "recalculate",
    gate,
    control: false,
  };
  const config = { max_steps: 30, max_epochs: 100, ckpt_every_steps: null };
  const folder = await Deno.makeTempDir();
  try {
    const worker = new WorkerProcess(
      launchContext(CLUSTERS, folder, { config, start, distillation }),
    );
    assertEquals((await worker.ended()).code, 0);
    const [judged] = worker.all("merge_gate");
    assertEquals(worker.all("trainStep").length, 30);
    assertEquals(judged!.step, 30);
    assertEquals(judged!.table!.slice(0, 3).map(({ model }) => model), [
      "child",
      "parent",
      "parent",
    ]);
    const saved = worker.all("checkpoint_saved");
    assertEquals(saved.map(({ step }) => step), [0, 30]);
    assert([...worker.losses().values()].every((loss) => Number.isFinite(loss)));

    const [{ file, sha256, checkpoint }] = saved as [(typeof saved)[number]];
    const again = new WorkerProcess(launchContext(CLUSTERS, folder, {
      config,
      distillation,
      next_checkpoint: 9,
      origin_step: 80,
      start: {
        from: "checkpoint",
        checkpoint: { job: "j", checkpoint, path: join(folder, file), sha256 },
      },
    }));
    assertEquals((await again.ended()).code, 0);
    assertEquals(again.losses(), worker.losses());
    // Without the teachers the same steps are others.
    const alone = new WorkerProcess(launchContext(CLUSTERS, folder, {
      config,
      next_checkpoint: 19,
      start: { ...start, strategy: "swa", params: {}, gate: null },
    }));
    assertEquals((await alone.ended()).code, 0);
    assert(alone.losses().get(1) !== worker.losses().get(1));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
